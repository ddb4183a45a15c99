/* Fletcher's checksum of 16 bits, from a seed that the build gives. */
#include "checksum.h"

uint16_t checksum(const uint8_t *bytes, size_t length)
{
    uint16_t low = SEED, high = 0;
    for (size_t i = 0; i < length; i++) {
        low = (low + bytes[i]) % 255;
        high = (high + low) % 255;
    }
    return high << 8 | low;
}
