/* The machine's part of the DDK: for ARM64 the driver needs none of it but what newer.h declares. */
#pragma once
