/* The checksum of Fletcher, in C. */
#include <stddef.h>
#include <stdint.h>
uint16_t checksum(const uint8_t *bytes, size_t length);
