/* Rows of a SELECT as rows of COPY's binary format (postgresql.org/docs/current/sql-copy.html, "Binary Format").
 *
 * Only what needs no judgement is written here: a value of the storage class that its column is planned for, in
 * range, of an ordinary shape. Any other value makes its whole row "odd": Python converts it by the rules, or
 * rejects it. So this file may be incomplete, but it must never be wrong.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "moment.h"
#include "reader.h"
#include "text.h"

/* What a column becomes. Must agree with `migration.native.loading.Operation`. */
enum {
  LOAD_INT2, LOAD_INT4, LOAD_INT8, LOAD_FLOAT8, LOAD_NUMERIC, LOAD_TEXT, LOAD_ANY_AS_TEXT, LOAD_JSONB,
  LOAD_BYTEA, LOAD_BOOLEAN, LOAD_TIMESTAMP, LOAD_TIMESTAMPTZ, LOAD_DATE, LOAD_TIME, LOAD_UUID, LOAD_ODD
};

/* `detail`: digits behind the point of a numeric (-1: as many as each value needs); units a second of integers
 * that are instants (0: integers are none). */
typedef struct {
  int32_t kind, detail;
} load_column;

#define EXACT_IN_DOUBLE (1LL << 53)
/* Fifteen digits survive the way through a double whatever they are (DBL_DIG). */
#define CERTAIN_DIGITS 1000000000000000LL
#define UNIX_TO_2000_S 946684800LL
#define FIRST_US (-730119LL * DAY_US)
#define LAST_US (2921940LL * DAY_US)

static const int64_t POWERS[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000};
#define MOST_SCALE 9

static inline uint8_t *put16(uint8_t *at, uint32_t value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
  return at + 2;
}

static inline uint8_t *put32(uint8_t *at, uint32_t value) {
  value = __builtin_bswap32(value);
  memcpy(at, &value, 4);
  return at + 4;
}

static inline uint8_t *put64(uint8_t *at, uint64_t value) {
  value = __builtin_bswap64(value);
  memcpy(at, &value, 8);
  return at + 8;
}

static inline uint8_t *put_sized64(uint8_t *at, int64_t value) { return put64(put32(at, 8), (uint64_t)value); }

/* numeric_recv's form: groups of four digits, the weight of the first, the sign, the digits behind the point. */
static uint8_t *put_numeric(uint8_t *at, int64_t scaled, int scale) {
  uint64_t magnitude = scaled < 0 ? 0 - (uint64_t)scaled : (uint64_t)scaled;
  uint64_t whole = magnitude / (uint64_t)POWERS[scale], fraction = magnitude % (uint64_t)POWERS[scale];
  uint16_t groups[12];
  int count = 0, weight = -1;
  uint16_t reversed[6];
  int before = 0;
  for (; whole > 0; whole /= 10000) reversed[before++] = (uint16_t)(whole % 10000);
  weight = before - 1;
  while (before > 0) groups[count++] = reversed[--before];
  int behind = (scale + 3) / 4;
  fraction *= (uint64_t)POWERS[behind * 4 - scale];
  for (int group = behind - 1; group >= 0; group--) {
    groups[count + group] = (uint16_t)(fraction % 10000);
    fraction /= 10000;
  }
  count += behind;
  int first = 0;
  while (first < count && groups[first] == 0) {
    first++;
    weight--;
  }
  while (count > first && groups[count - 1] == 0) count--;
  int digits = count - first;
  if (digits == 0) weight = 0;
  at = put32(at, (uint32_t)(8 + 2 * digits));
  at = put16(at, (uint32_t)digits);
  at = put16(at, (uint32_t)(uint16_t)(int16_t)weight);
  at = put16(at, scaled < 0 && digits > 0 ? 0x4000 : 0);
  at = put16(at, (uint32_t)scale);
  for (int group = first; group < count; group++) at = put16(at, groups[group]);
  return at;
}

/* A double that equals a decimal with `scale` digits behind the point, as that decimal times 10**scale. Both the
 * quotient's parts are exact as doubles, so that one correctly rounded division decides. */
static inline int as_decimal(double value, int scale, int64_t limit, int64_t *scaled) {
  double wide = value * (double)POWERS[scale];
  if (!(fabs(wide) < (double)limit)) return 0;
  int64_t nearest = (int64_t)llround(wide);
  if ((double)nearest / (double)POWERS[scale] != value) return 0;
  if (nearest == 0 && signbit(value)) return 0;
  *scaled = nearest;
  return 1;
}

static uint8_t *load_numeric(cursor *from, int at, int type, int scale, uint8_t *place) {
  int64_t scaled;
  if (type == SQLITE_INTEGER) {
    int64_t value = sqlite.value_int64(from->values[at]);
    if (scale < 0) scale = 0;
    if (value >= CERTAIN_DIGITS || value <= -CERTAIN_DIGITS) return NULL;
    if (__builtin_mul_overflow(value, POWERS[scale], &scaled)) return NULL;
    return put_numeric(place, scaled, scale);
  }
  if (type != SQLITE_FLOAT) return NULL;
  double value = sqlite.value_double(from->values[at]);
  if (scale >= 0) return as_decimal(value, scale, CERTAIN_DIGITS, &scaled) ? put_numeric(place, scaled, scale) : NULL;
  /* Without a declared scale Python writes the shortest digits that read back, "5.0" for a whole number. */
  for (int digits = 1; digits <= MOST_SCALE; digits++)
    if (as_decimal(value, digits, CERTAIN_DIGITS, &scaled)) return put_numeric(place, scaled, digits);
  return NULL;
}

static inline int hexadecimal(uint8_t digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

static uint8_t *load_uuid(const uint8_t *text, int size, uint8_t *place) {
  if (size != 36 && size != 32) return NULL;
  place = put32(place, 16);
  for (int byte = 0; byte < 16; byte++) {
    if (size == 36 && (byte == 4 || byte == 6 || byte == 8 || byte == 10) && *text++ != '-') return NULL;
    int high = hexadecimal(*text++), low = hexadecimal(*text++);
    if (high < 0 || low < 0) return NULL;
    *place++ = (uint8_t)(high << 4 | low);
  }
  return place;
}

static uint8_t *load_bytes(uint8_t *place, const void *content, uint32_t size) {
  place = put32(place, size);
  if (size > 0) memcpy(place, content, size);
  return place + size;
}

static uint8_t *load_moment(const load_column *column, cursor *from, int at, int type, uint8_t *place) {
  int64_t value = 0;
  if (type == SQLITE_INTEGER) {
    if (column->kind != LOAD_TIMESTAMPTZ || column->detail <= 0) return NULL;
    value = sqlite.value_int64(from->values[at]);
    /* Only numbers that are instants beyond doubt (values/epoch.py: EPOCH_WINDOWS): 0 may stand for "no date". */
    if (llabs(value) < 100000000LL * column->detail || llabs(value) >= 100000000000LL * column->detail) return NULL;
    int64_t factor = SECOND_US / column->detail;
    if (__builtin_mul_overflow(value, factor, &value)) return NULL;
    if (__builtin_sub_overflow(value, UNIX_TO_2000_S * SECOND_US, &value)) return NULL;
    return value >= FIRST_US && value < LAST_US ? put_sized64(place, value) : NULL;
  }
  if (type != SQLITE_TEXT) return NULL;
  const uint8_t *text = sqlite.value_text(from->values[at]);
  moment_shape shape = read_moment(text, sqlite.value_bytes(from->values[at]), &value);
  switch (column->kind) {
    case LOAD_DATE:
      return shape == SHAPE_DATE ? put32(put32(place, 4), (uint32_t)(int32_t)value) : NULL;
    case LOAD_TIME:
      return shape == SHAPE_TIME ? put_sized64(place, value) : NULL;
    case LOAD_TIMESTAMP:
      if (shape == SHAPE_DATE) return put_sized64(place, value * DAY_US);
      return shape == SHAPE_LOCAL ? put_sized64(place, value) : NULL;
    default:
      if (shape == SHAPE_DATE) return put_sized64(place, value * DAY_US);
      return shape == SHAPE_LOCAL || shape == SHAPE_UTC || shape == SHAPE_OFFSET ? put_sized64(place, value) : NULL;
  }
}

/* Writes one value behind `place`, or gives NULL where the row is odd. */
static uint8_t *load_value(const load_column *column, cursor *from, int at, uint8_t *place) {
  sqlite3_value *stored = from->values[at];
  int type = sqlite.value_type(stored);
  if (column->kind == LOAD_ODD) return NULL;
  if (type == SQLITE_NULL) return put32(place, 0xFFFFFFFFU);
  int64_t number;
  switch (column->kind) {
    case LOAD_INT2:
    case LOAD_INT4:
    case LOAD_INT8:
      if (type != SQLITE_INTEGER) return NULL;
      number = sqlite.value_int64(stored);
      if (column->kind == LOAD_INT8) return put_sized64(place, number);
      if (column->kind == LOAD_INT4)
        return number == (int32_t)number ? put32(put32(place, 4), (uint32_t)number) : NULL;
      return number == (int16_t)number ? put16(put32(place, 2), (uint32_t)number) : NULL;
    case LOAD_FLOAT8: {
      double real;
      if (type == SQLITE_INTEGER) {
        number = sqlite.value_int64(stored);
        if (number > EXACT_IN_DOUBLE || number < -EXACT_IN_DOUBLE) return NULL;
        real = (double)number;
      } else if (type == SQLITE_FLOAT) {
        real = sqlite.value_double(stored);
      } else {
        return NULL;
      }
      uint64_t image;
      memcpy(&image, &real, 8);
      return put_sized64(place, (int64_t)image);
    }
    case LOAD_NUMERIC:
      return load_numeric(from, at, type, column->detail, place);
    case LOAD_BOOLEAN:
      if (type != SQLITE_INTEGER) return NULL;
      number = sqlite.value_int64(stored);
      if (number != 0 && number != 1) return NULL;
      place = put32(place, 1);
      *place = (uint8_t)number;
      return place + 1;
    case LOAD_TEXT:
    case LOAD_JSONB:
    case LOAD_ANY_AS_TEXT: {
      if (type == SQLITE_INTEGER && column->kind == LOAD_ANY_AS_TEXT) {
        char digits[24];
        int length = snprintf(digits, sizeof digits, "%lld", (long long)sqlite.value_int64(stored));
        return load_bytes(place, digits, (uint32_t)length);
      }
      if (type != SQLITE_TEXT) return NULL;
      const uint8_t *text = sqlite.value_text(stored);
      uint32_t size = (uint32_t)sqlite.value_bytes(stored);
      int64_t characters;
      if (memchr(text, 0, size) != NULL || !is_utf8(text, size, &characters)) return NULL;
      if (column->kind != LOAD_JSONB) return load_bytes(place, text, size);
      place = put32(place, size + 1); /* jsonb_recv: a version byte, then the text */
      *place++ = 1;
      memcpy(place, text, size);
      return place + size;
    }
    case LOAD_BYTEA:
      if (type == SQLITE_BLOB) {
        const void *content = sqlite.value_blob(stored);
        return load_bytes(place, content, (uint32_t)sqlite.value_bytes(stored));
      }
      if (type == SQLITE_TEXT) {
        const uint8_t *text = sqlite.value_text(stored);
        return load_bytes(place, text, (uint32_t)sqlite.value_bytes(stored));
      }
      return NULL;
    case LOAD_UUID:
      if (type == SQLITE_TEXT) {
        const uint8_t *text = sqlite.value_text(stored);
        return load_uuid(text, sqlite.value_bytes(stored), place);
      }
      if (type == SQLITE_BLOB && sqlite.value_bytes(stored) == 16)
        return load_bytes(place, sqlite.value_blob(stored), 16);
      return NULL;
    default:
      return load_moment(column, from, at, type, place);
  }
}

/* The most bytes that the waiting row may take. */
static size_t row_bound(cursor *from) {
  size_t bound = 2;
  for (int at = 0; at < from->columns; at++) {
    int type = sqlite.value_type(from->values[at]);
    bound += 48; /* numbers and times, with their length; a numeric of 19 digits and its head take 34 */
    if (type == SQLITE_TEXT || type == SQLITE_BLOB) bound += (size_t)sqlite.value_bytes(from->values[at]);
  }
  return bound;
}

/* Fills a buffer with rows.
 *
 * The SELECT gives `count` columns to write, and behind them perhaps the row's id, which `*last` gets for the
 * last row dealt with. LOOP_MORE: the buffer is full; LOOP_ROOM: it is too small for the next row, `*size` says
 * what that takes; LOOP_ODD: the row after those in the buffer is odd and lies in `outgrow_odd`; LOOP_DONE: the
 * last row was reached; LOOP_FAILED: see `outgrow_message`. `*rows` and `*size` count what is in the buffer.
 */
EXPORT int outgrow_load(cursor *from, const load_column *columns, int count, uint8_t *buffer, size_t room,
                        int64_t *rows, size_t *size, int64_t *last) {
  uint8_t *place = buffer, *end = buffer + room;
  *rows = 0;
  for (;;) {
    int found = next_row(from);
    *size = (size_t)(place - buffer);
    if (found <= 0) return found == 0 ? LOOP_DONE : LOOP_FAILED;
    size_t bound = row_bound(from);
    if (bound > (size_t)(end - place)) {
      if (place > buffer) return LOOP_MORE;
      *size = bound;
      return LOOP_ROOM;
    }
    uint8_t *written = put16(place, (uint32_t)count);
    for (int at = 0; at < count && written != NULL; at++) written = load_value(&columns[at], from, at, written);
    if (written == NULL && !odd_row(from)) return LOOP_FAILED;
    if (from->columns > count) *last = sqlite.value_int64(from->values[count]);
    from->waiting = 0;
    if (written == NULL) return LOOP_ODD;
    place = written;
    ++*rows;
  }
}
