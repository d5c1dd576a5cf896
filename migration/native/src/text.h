/* Looking at texts: are they UTF-8, and how many characters do they have? */
#ifndef OUTGROW_TEXT_H
#define OUTGROW_TEXT_H

#include <stdint.h>
#include <string.h>

/* Whether bytes are valid UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing over U+10FFFF.
 * `*characters` gets their number of characters where they are. */
static inline int is_utf8(const uint8_t *at, size_t size, int64_t *characters) {
  const uint8_t *end = at + size;
  int64_t count = 0;
  while (at < end) {
    uint64_t word;
    while (end - at >= 8 && (memcpy(&word, at, 8), (word & 0x8080808080808080ULL) == 0)) {
      at += 8;
      count += 8;
    }
    if (at >= end) break;
    uint8_t first = *at;
    if (first < 0x80) {
      at++;
    } else if (first >= 0xC2 && first <= 0xDF) {
      if (end - at < 2 || (at[1] & 0xC0) != 0x80) return 0;
      at += 2;
    } else if (first >= 0xE0 && first <= 0xEF) {
      if (end - at < 3 || (at[1] & 0xC0) != 0x80 || (at[2] & 0xC0) != 0x80) return 0;
      if ((first == 0xE0 && at[1] < 0xA0) || (first == 0xED && at[1] > 0x9F)) return 0;
      at += 3;
    } else if (first >= 0xF0 && first <= 0xF4) {
      if (end - at < 4 || (at[1] & 0xC0) != 0x80 || (at[2] & 0xC0) != 0x80 || (at[3] & 0xC0) != 0x80) return 0;
      if ((first == 0xF0 && at[1] < 0x90) || (first == 0xF4 && at[1] > 0x8F)) return 0;
      at += 4;
    } else {
      return 0;
    }
    count++;
  }
  *characters = count;
  return 1;
}

#endif
