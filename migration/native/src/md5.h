/* MD5 (RFC 1321), and PostgreSQL's 64-bit hash of its 32 hexadecimal digits.
 *
 * That is `hashtextextended(md5(...), 0)`: a bigint from a digest without the detour through bit strings, which
 * costs PostgreSQL as much as the digest itself. The digest is there to notice mistakes, not attacks.
 */
#ifndef OUTGROW_MD5_H
#define OUTGROW_MD5_H

#include <stdint.h>
#include <string.h>

static inline uint32_t turned(uint32_t value, int by) { return value << by | value >> (32 - by); }

static void md5_block(uint32_t state[4], const uint8_t *block) {
  static const uint32_t sines[64] = {
      0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
      0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
      0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
      0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
      0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
      0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
      0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
      0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};
  uint32_t word[16], a = state[0], b = state[1], c = state[2], d = state[3];
  memcpy(word, block, 64);
#define STEP(mixed, w, x, y, z, at, by, number)         \
  w += (mixed) + word[at] + sines[number];              \
  w = turned(w, by) + x;
#define ROUND(mix, first, stride, s1, s2, s3, s4, base)                                            \
  for (int i = 0; i < 16; i += 4) {                                                                \
    STEP(mix(b, c, d), a, b, c, d, ((first) + (stride) * i) & 15, s1, (base) + i)                  \
    STEP(mix(a, b, c), d, a, b, c, ((first) + (stride) * (i + 1)) & 15, s2, (base) + i + 1)        \
    STEP(mix(d, a, b), c, d, a, b, ((first) + (stride) * (i + 2)) & 15, s3, (base) + i + 2)        \
    STEP(mix(c, d, a), b, c, d, a, ((first) + (stride) * (i + 3)) & 15, s4, (base) + i + 3)        \
  }
#define MIX_F(x, y, z) (((x) & (y)) | (~(x) & (z)))
#define MIX_G(x, y, z) (((x) & (z)) | ((y) & ~(z)))
#define MIX_H(x, y, z) ((x) ^ (y) ^ (z))
#define MIX_I(x, y, z) ((y) ^ ((x) | ~(z)))
  ROUND(MIX_F, 0, 1, 7, 12, 17, 22, 0)
  ROUND(MIX_G, 1, 5, 5, 9, 14, 20, 16)
  ROUND(MIX_H, 5, 3, 4, 11, 16, 23, 32)
  ROUND(MIX_I, 0, 7, 6, 10, 15, 21, 48)
#undef STEP
#undef ROUND
#undef MIX_F
#undef MIX_G
#undef MIX_H
#undef MIX_I
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
}

/* The digest as 32 hexadecimal digits, without a final NUL. */
static void md5_digits(const uint8_t *content, size_t size, uint8_t digits[32]) {
  uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  uint8_t last[128] = {0};
  size_t whole = size & ~(size_t)63, rest = size - whole;
  for (size_t at = 0; at < whole; at += 64) md5_block(state, content + at);
  if (rest > 0) memcpy(last, content + whole, rest);
  last[rest] = 0x80;
  size_t padded = rest < 56 ? 64 : 128;
  uint64_t bits = (uint64_t)size * 8;
  memcpy(last + padded - 8, &bits, 8);
  for (size_t at = 0; at < padded; at += 64) md5_block(state, last + at);
  for (int byte = 0; byte < 16; byte++) {
    uint8_t value = (uint8_t)(state[byte / 4] >> 8 * (byte % 4));
    digits[2 * byte] = (uint8_t)"0123456789abcdef"[value >> 4];
    digits[2 * byte + 1] = (uint8_t)"0123456789abcdef"[value & 15];
  }
}

/* PostgreSQL's hashtextextended(text, 0) of a text of 32 bytes: Bob Jenkins' lookup3, on little-endian machines
 * (src/common/hashfn.c: hash_bytes_extended). */
static uint64_t postgres_hash(const uint8_t digits[32]) {
  uint32_t word[8], a, b, c;
  memcpy(word, digits, 32);
  a = b = c = 0x9e3779b9u + 32 + 3923095;
  for (int at = 0; at < 6; at += 3) {
    a += word[at];
    b += word[at + 1];
    c += word[at + 2];
    a -= c; a ^= turned(c, 4); c += b;
    b -= a; b ^= turned(a, 6); a += c;
    c -= b; c ^= turned(b, 8); b += a;
    a -= c; a ^= turned(c, 16); c += b;
    b -= a; b ^= turned(a, 19); a += c;
    c -= b; c ^= turned(b, 4); b += a;
  }
  a += word[6];
  b += word[7];
  c ^= b; c -= turned(b, 14);
  a ^= c; a -= turned(c, 11);
  b ^= a; b -= turned(a, 25);
  c ^= b; c -= turned(b, 16);
  a ^= c; a -= turned(c, 4);
  b ^= a; b -= turned(a, 14);
  c ^= b; c -= turned(b, 24);
  return (uint64_t)b << 32 | c;
}

#endif
