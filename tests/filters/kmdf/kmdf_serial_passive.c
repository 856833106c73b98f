/* The same with a mutex for a lock. */
#define PASSIVE 1
#include "kmdf_serial.c"
