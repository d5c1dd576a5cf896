/* The source's side of the proof: what PostgreSQL's record_send() must give for each row, hashed and added up.
 *
 * Written apart from load.c, whose mistakes it is there to find: it shares no conversion with it. As there, a
 * value that needs judgement makes its row odd, and Python's `verification.canonical` decides.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "md5.h"
#include "reader.h"

/* A column's family. Must agree with `migration.native.proving.FAMILIES`. */
enum {
  PROVE_INTEGER, PROVE_REAL, PROVE_NUMERIC, PROVE_TEXT, PROVE_BYTEA, PROVE_BOOLEAN, PROVE_TIMESTAMP,
  PROVE_TIMESTAMPTZ, PROVE_DATE, PROVE_TIME, PROVE_UUID, PROVE_ODD
};

/* `type` is the OID that record_send writes; `detail` the digits behind the point of a numeric (-1: not
 * limited), or microseconds a unit of integers that are instants (0: integers are none). */
typedef struct {
  int32_t family, detail;
  uint32_t type;
} prove_column;

/* How rows are put into ranges: by an integer key, by the hash of the key, by the hash of the row. */
enum { RANGE_KEY, RANGE_KEY_HASH, RANGE_ROW_HASH };

typedef struct {
  int32_t way, shift;
  int64_t first;      /* the number of the first range, for RANGE_KEY */
  int32_t keys;       /* how many columns the key has */
  int32_t ranges;
  const int32_t *key; /* their positions */
} prove_layout;

typedef struct {
  int64_t rows;
  uint64_t total;
} prove_sum;

static void append32(bytes *to, uint32_t value) {
  uint8_t *place = to->data + to->size;
  for (int at = 0; at < 4; at++) place[at] = (uint8_t)(value >> (24 - 8 * at));
  to->size += 4;
}

static void append64(bytes *to, uint64_t value) {
  append32(to, (uint32_t)(value >> 32));
  append32(to, (uint32_t)value);
}

static void append(bytes *to, const void *content, uint32_t size) {
  append32(to, size);
  if (size > 0) memcpy(to->data + to->size, content, size);
  to->size += size;
}

/* Decimal digits "d...d" with `scale` of them behind the point, as numeric_send writes the trimmed number. */
static void append_digits(bytes *to, int negative, const char *digits, int count, int scale) {
  while (scale > 0 && count > 0 && digits[count - 1] == '0') {
    count--;
    scale--;
  }
  while (count > 0 && *digits == '0') {
    digits++;
    count--;
  }
  if (count == 0) scale = 0;
  int before = count - scale; /* digits in front of the point; negative: zeros follow it */
  int first = before > 0 ? (before - 1) / 4 : -((4 - before) / 4); /* the weight of the first group */
  int groups = 0;
  uint16_t values[8];
  for (int position = before - (first + 1) * 4; position < count && groups < 8; position += 4) {
    int value = 0;
    for (int digit = position; digit < position + 4; digit++)
      value = value * 10 + (digit >= 0 && digit < count ? digits[digit] - '0' : 0);
    values[groups++] = (uint16_t)value;
  }
  while (groups > 0 && values[groups - 1] == 0) groups--;
  append32(to, (uint32_t)(8 + 2 * groups));
  append32(to, (uint32_t)groups << 16 | (uint16_t)(groups > 0 ? first : 0));
  append32(to, (uint32_t)(negative && groups > 0 ? 0x4000 : 0) << 16 | (uint32_t)scale);
  for (int group = 0; group < groups; group++) {
    to->data[to->size++] = (uint8_t)(values[group] >> 8);
    to->data[to->size++] = (uint8_t)values[group];
  }
}

/* A number as a numeric column means it; 0 where that takes more than fifteen certain digits. */
static int prove_numeric(cursor *from, int at, int type, int scale, bytes *to) {
  char digits[48];
  if (type == SQLITE_INTEGER) {
    int64_t value = sqlite.value_int64(from->values[at]);
    if (value > 999999999999999 || value < -999999999999999) return 0;
    int count = snprintf(digits, sizeof digits, "%lld", (long long)llabs(value));
    append_digits(to, value < 0, digits, count, 0);
    return 1;
  }
  if (type != SQLITE_FLOAT) return 0;
  double value = sqlite.value_double(from->values[at]);
  if (!(fabs(value) < 1e9)) return 0;
  /* Millionths below 10**15 are exact as doubles: one division says whether they mean this very value. */
  long long millionths = llround(value * 1e6);
  if ((double)millionths / 1e6 != value) return 0;
  int length = snprintf(digits, sizeof digits, "%lld", llabs(millionths)), used = 6;
  while (used > 0 && digits[length - 1] == '0' && length > 1) {
    length--;
    used--;
  }
  if (millionths == 0) used = 0;
  if (scale >= 0 && used > scale) return 0;
  append_digits(to, millionths < 0, digits, length, used);
  return 1;
}

/* The number that `count` digits write; -1 where one of them is no digit. */
static int number_of(const uint8_t *at, int count) {
  int value = 0;
  for (; count > 0; count--, at++) {
    if (*at < '0' || *at > '9') return -1;
    value = value * 10 + (*at - '0');
  }
  return value;
}

/* Days from 2000-01-01 to YYYY-MM-DD, counted by whole years; 0 where it is no day. */
static int days_of(const uint8_t *at, int64_t *days) {
  static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
  int year = number_of(at, 4), month = number_of(at + 5, 2), day = number_of(at + 8, 2);
  if (at[4] != '-' || at[7] != '-' || year < 1 || month < 1 || month > 12 || day < 1) return 0;
  int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  if (day > before[month] - before[month - 1] + (leap && month == 2)) return 0;
  int past = year - 1;
  int64_t since_first = 365LL * past + past / 4 - past / 100 + past / 400;
  *days = since_first + before[month - 1] + (leap && month > 2) + day - 1 - 730119;
  return 1;
}

/* Microseconds of HH:MM[:SS[.f{1,6}]]; 0 where the text is no such clock. */
static int clock_of(const uint8_t *at, int size, int64_t *microseconds) {
  int64_t fraction = 0;
  int second = 0;
  if (size < 5 || at[2] != ':') return 0;
  int hour = number_of(at, 2), minute = number_of(at + 3, 2);
  if (size > 5) {
    if (size < 8 || at[5] != ':') return 0;
    second = number_of(at + 6, 2);
  }
  if (size > 8) {
    int digits = size - 9;
    if (at[8] != '.' || digits < 1 || digits > 6) return 0;
    fraction = number_of(at + 9, digits);
    if (fraction < 0) return 0;
    for (; digits < 6; digits++) fraction *= 10;
  }
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return 0;
  *microseconds = (hour * 3600LL + minute * 60LL + second) * 1000000 + fraction;
  return 1;
}

static int prove_moment(const prove_column *column, cursor *from, int at, int type, bytes *to) {
  int64_t days = 0, clock = 0;
  if (type == SQLITE_INTEGER) {
    int64_t value = sqlite.value_int64(from->values[at]);
    if (column->family != PROVE_TIMESTAMPTZ || column->detail <= 0) return 0;
    int64_t unit = 1000000 / column->detail;
    if (value < 100000000 * unit || value >= 100000000000 * unit) return 0;
    append32(to, 8);
    append64(to, (uint64_t)(value * column->detail - 946684800LL * 1000000));
    return 1;
  }
  if (type != SQLITE_TEXT) return 0;
  const uint8_t *text = sqlite.value_text(from->values[at]);
  int size = sqlite.value_bytes(from->values[at]);
  if (column->family == PROVE_TIME) {
    if (!clock_of(text, size, &clock)) return 0;
    append32(to, 8);
    append64(to, (uint64_t)clock);
    return 1;
  }
  if (size < 10 || !days_of(text, &days)) return 0;
  if (column->family == PROVE_DATE) {
    if (size != 10) return 0;
    append32(to, 4);
    append32(to, (uint32_t)(int32_t)days);
    return 1;
  }
  if (size > 10) {
    if (text[10] != ' ' && text[10] != 'T') return 0;
    if (column->family == PROVE_TIMESTAMPTZ && text[size - 1] == 'Z') size--;
    if (!clock_of(text + 11, size - 11, &clock)) return 0;
  }
  append32(to, 8);
  append64(to, (uint64_t)(days * 86400000000LL + clock));
  return 1;
}

static int prove_uuid(cursor *from, int at, int type, bytes *to) {
  uint8_t value[16] = {0};
  int nibbles = 0;
  if (type != SQLITE_TEXT) return 0;
  const uint8_t *text = sqlite.value_text(from->values[at]);
  int size = sqlite.value_bytes(from->values[at]);
  for (int position = 0; position < size; position++) {
    int digit = text[position];
    if (digit == '-') continue;
    if (digit >= '0' && digit <= '9') digit -= '0';
    else if (digit >= 'a' && digit <= 'f') digit -= 'a' - 10;
    else if (digit >= 'A' && digit <= 'F') digit -= 'A' - 10;
    else return 0;
    if (nibbles == 32) return 0;
    value[nibbles / 2] = (uint8_t)(value[nibbles / 2] | digit << (nibbles % 2 ? 0 : 4));
    nibbles++;
  }
  if (nibbles != 32) return 0;
  append(to, value, 16);
  return 1;
}

/* One value as record_send writes it: the type's OID, the length, the bytes. 0 where the row is odd. */
static int prove_value(const prove_column *column, cursor *from, int at, bytes *to) {
  sqlite3_value *stored = from->values[at];
  int type = sqlite.value_type(stored);
  append32(to, column->type);
  if (type == SQLITE_NULL && column->family != PROVE_ODD) {
    append32(to, 0xFFFFFFFFU);
    return 1;
  }
  switch (column->family) {
    case PROVE_INTEGER:
      if (type != SQLITE_INTEGER) return 0;
      append32(to, 8);
      append64(to, (uint64_t)sqlite.value_int64(stored));
      return 1;
    case PROVE_REAL: {
      if (type != SQLITE_FLOAT) return 0;
      double value = sqlite.value_double(stored);
      uint64_t image;
      memcpy(&image, &value, 8);
      append32(to, 8);
      append64(to, image);
      return 1;
    }
    case PROVE_NUMERIC:
      return prove_numeric(from, at, type, column->detail, to);
    case PROVE_TEXT: {
      if (type != SQLITE_TEXT) return 0;
      const uint8_t *text = sqlite.value_text(stored);
      uint32_t size = (uint32_t)sqlite.value_bytes(stored);
      if (size > 0 && memchr(text, 0, size) != NULL) return 0;
      append(to, text, size);
      return 1;
    }
    case PROVE_BYTEA: {
      if (type != SQLITE_BLOB) return 0;
      const void *content = sqlite.value_blob(stored);
      append(to, content, (uint32_t)sqlite.value_bytes(stored));
      return 1;
    }
    case PROVE_BOOLEAN: {
      if (type != SQLITE_INTEGER) return 0;
      int64_t value = sqlite.value_int64(stored);
      if (value != 0 && value != 1) return 0;
      append32(to, 1);
      to->data[to->size++] = (uint8_t)value;
      return 1;
    }
    case PROVE_UUID:
      return prove_uuid(from, at, type, to);
    case PROVE_ODD:
      return 0;
    default:
      return prove_moment(column, from, at, type, to);
  }
}

static uint64_t hash_of(const uint8_t *content, size_t size) {
  uint8_t digits[32];
  md5_digits(content, size, digits);
  return postgres_hash(digits);
}

/* Writes some columns of the waiting row as a record: 1 done, 0 the row is odd, -1 no memory. */
static int record(cursor *from, const prove_column *columns, const int32_t *chosen, int count, bytes *to) {
  to->size = 0;
  size_t bound = 4;
  for (int number = 0; number < count; number++) {
    int at = chosen == NULL ? number : chosen[number];
    int type = sqlite.value_type(from->values[at]);
    bound += 64;
    if (type == SQLITE_TEXT || type == SQLITE_BLOB) bound += (size_t)sqlite.value_bytes(from->values[at]);
  }
  if (bytes_room(to, bound) == NULL) return -1;
  append32(to, (uint32_t)count);
  for (int number = 0; number < count; number++) {
    int at = chosen == NULL ? number : chosen[number];
    if (!prove_value(&columns[at], from, at, to)) return 0;
  }
  return 1;
}

/* The range of the waiting row, whose hash is known; -1 where it is odd, -2 without memory. */
static int64_t range_of(cursor *from, const prove_column *columns, const prove_layout *layout, uint64_t hash,
                        bytes *scratch) {
  if (layout->way == RANGE_KEY) {
    if (sqlite.value_type(from->values[layout->key[0]]) != SQLITE_INTEGER) return -1;
    return (sqlite.value_int64(from->values[layout->key[0]]) >> layout->shift) - layout->first;
  }
  if (layout->way == RANGE_KEY_HASH) {
    int written = record(from, columns, layout->key, layout->keys, scratch);
    if (written <= 0) return written - 1;
    hash = hash_of(scratch->data, scratch->size);
  }
  return (int64_t)(hash >> layout->shift);
}

/* Adds up to `most` rows to the sums of their ranges.
 *
 * LOOP_MORE, LOOP_DONE, LOOP_FAILED, or LOOP_ODD: the row after those counted lies in `outgrow_odd` and is not
 * among the sums. `*rows` counts the rows that were added.
 */
EXPORT int outgrow_prove(cursor *from, const prove_column *columns, const prove_layout *layout, prove_sum *sums,
                         int64_t most, int64_t *rows) {
  bytes written = {0}, scratch = {0};
  int ended = LOOP_MORE;
  for (*rows = 0; *rows < most && ended == LOOP_MORE;) {
    int found = next_row(from);
    if (found <= 0) {
      ended = found == 0 ? LOOP_DONE : LOOP_FAILED;
      break;
    }
    int state = record(from, columns, NULL, from->columns, &written);
    int64_t range = -1;
    uint64_t hash = 0;
    if (state > 0) {
      hash = hash_of(written.data, written.size);
      range = range_of(from, columns, layout, hash, &scratch);
    }
    if (state < 0 || range == -2) {
      ended = LOOP_FAILED;
    } else if (state == 0 || range < 0 || range >= layout->ranges) {
      ended = odd_row(from) ? LOOP_ODD : LOOP_FAILED;
      from->waiting = 0;
    } else {
      sums[range].rows++;
      sums[range].total += hash;
      from->waiting = 0;
      ++*rows;
    }
  }
  free(written.data);
  free(scratch.data);
  return ended;
}
