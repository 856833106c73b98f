/* In the place of the compiler's intrinsics: bindgen needs none of them, and not every clang can parse all. */
#pragma once
