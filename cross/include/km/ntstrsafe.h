/* In the place of Debian's, which defines its string functions: inline in the WDK, so that bindgen has nothing to bind. */
#pragma once
