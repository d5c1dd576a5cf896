/* Counts what the columns of a SELECT hold, in one pass: storage classes, ranges, lengths, and the texts that are
 * dates and times of ordinary shapes. Texts that need a closer look are handed to Python.
 */
#include <math.h>
#include <stdlib.h>

#include "moment.h"
#include "reader.h"
#include "text.h"

/* How closely a column's values are looked at. Must agree with `migration.native.profiling.Look`. */
enum { LOOK_CLASSES, LOOK_TEXT, LOOK_MOMENT, LOOK_UUID, LOOK_EVERY_TEXT, LOOK_DECIMAL };

/* Must agree with `migration.native.profiling._Counts`. */
typedef struct {
  int64_t integers, reals, texts, blobs;
  int64_t min_integer, max_integer;
  int64_t infinities;
  int64_t max_characters, max_bytes;
  int64_t dates, datetimes, utc, offsets, times, digits;
  int64_t uuids, random_uuids;
  int64_t strangers;
  double largest;
} profile_counts;

/* Which whole numbers from `low` to `high` there are, a bit each. Must agree with `migration.native.ids._IdSet`. */
typedef struct {
  int64_t low, high;
  uint64_t *bits;
} id_set;

/* Whole numbers that are not `among` the ids of another table are counted as strangers; NULL: nobody asks. */
typedef struct {
  int32_t look, detail;
  const id_set *among;
} profile_column;

static int is_among(const id_set *ids, int64_t value) {
  if (value < ids->low || value > ids->high) return 0;
  uint64_t at = (uint64_t)value - (uint64_t)ids->low;
  return (int)(ids->bits[at >> 6] >> (at & 63) & 1);
}

/* Notes up to `most` ids, the first value of each row. Several threads may note parts of one table.
 *
 * LOOP_MORE, LOOP_DONE or LOOP_FAILED; an id outside of the set's range is none that was there before. */
EXPORT int outgrow_gather(cursor *from, const id_set *into, int64_t most) {
  for (int64_t rows = 0; rows < most; rows++) {
    int found = next_row(from);
    if (found <= 0) return found == 0 ? LOOP_DONE : LOOP_FAILED;
    int64_t value = sqlite.value_int64(from->values[0]);
    from->waiting = 0;
    if (value < into->low || value > into->high) continue;
    uint64_t at = (uint64_t)value - (uint64_t)into->low;
    __atomic_fetch_or(&into->bits[at >> 6], UINT64_C(1) << (at & 63), __ATOMIC_RELAXED);
  }
  return LOOP_MORE;
}

/* Hands a value to Python: the column, the size and the bytes. */
static int hand_over(cursor *from, int at, const void *content, uint32_t size) {
  bytes *odd = &from->odd;
  uint8_t *place = bytes_room(odd, 8 + (size_t)size);
  if (place == NULL) return 0;
  uint32_t column = (uint32_t)at;
  memcpy(place, &column, 4);
  memcpy(place + 4, &size, 4);
  if (size > 0) memcpy(place + 8, content, size);
  odd->size += 8 + (size_t)size;
  return 1;
}

/* A UUID as PostgreSQL shows it: lower case, with dashes. */
static int is_plain_uuid(const uint8_t *text, uint32_t size) {
  if (size != 36) return 0;
  for (int at = 0; at < 36; at++) {
    int dash = at == 8 || at == 13 || at == 18 || at == 23;
    uint8_t found = text[at];
    if (dash ? found != '-' : !((found >= '0' && found <= '9') || (found >= 'a' && found <= 'f'))) return 0;
  }
  return 1;
}

/* Characters as SQLite's length() counts them, of valid text or not: up to a NUL, continuation bytes belong to
 * the leading byte before them (src/func.c: lengthFunc). */
static int64_t sqlite_length(const uint8_t *text, size_t size) {
  int64_t count = 0;
  for (size_t at = 0; at < size && text[at] != 0; count++)
    if (text[at++] >= 0xC0)
      while (at < size && (text[at] & 0xC0) == 0x80) at++;
  return count;
}

/* Digits behind the second's point. */
static int64_t fraction_digits(const uint8_t *text, uint32_t size) {
  const uint8_t *point = memchr(text, '.', size);
  int64_t count = 0;
  if (point == NULL) return 0;
  for (point++; point < text + size && *point >= '0' && *point <= '9'; point++) count++;
  return count;
}

static int look_at_text(cursor *from, int at, const profile_column *column, profile_counts *counts) {
  const uint8_t *text = sqlite.value_text(from->values[at]);
  uint32_t size = (uint32_t)sqlite.value_bytes(from->values[at]);
  int64_t characters, value;
  int nul = size > 0 && memchr(text, 0, size) != NULL;
  int valid = is_utf8(text, size, &characters);
  if (nul || !valid) characters = sqlite_length(text, size);
  if (characters > counts->max_characters) counts->max_characters = characters;
  if (column->look == LOOK_CLASSES || column->look == LOOK_DECIMAL) return 1;
  if (nul || !valid) return hand_over(from, at, text, size);
  switch (column->look) {
    case LOOK_MOMENT:
      switch (read_moment(text, (int)size, &value)) {
        case SHAPE_DATE: counts->dates++; return 1;
        case SHAPE_TIME: counts->times++; break;
        case SHAPE_LOCAL: counts->datetimes++; break;
        case SHAPE_UTC: counts->utc++; break;
        case SHAPE_OFFSET: counts->offsets++; break;
        default: return hand_over(from, at, text, size);
      }
      value = fraction_digits(text, size);
      if (value > counts->digits) counts->digits = value;
      return 1;
    case LOOK_UUID:
      if (!is_plain_uuid(text, size)) return hand_over(from, at, text, size);
      counts->uuids++;
      /* Version 4 and the variant of RFC 9562. */
      counts->random_uuids += text[14] == '4' && strchr("89ab", text[19]) != NULL;
      return 1;
    case LOOK_EVERY_TEXT:
      return hand_over(from, at, text, size);
    default:
      return 1;
  }
}

static int look_at_real(cursor *from, int at, const profile_column *column, profile_counts *counts) {
  static const double POWERS[] = {1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
  double value = sqlite.value_double(from->values[at]);
  if (isinf(value)) counts->infinities++;
  if (column->look != LOOK_DECIMAL) return 1;
  if (!isinf(value) && fabs(value) > counts->largest) counts->largest = fabs(value);
  if (column->detail >= 0 && column->detail <= 9) {
    double wide = value * POWERS[column->detail];
    if (fabs(wide) < 9007199254740992.0 && (double)llround(wide) / POWERS[column->detail] == value) return 1;
  }
  return hand_over(from, at, &value, 8);
}

/* Looks at up to `most` rows, fewer where a MiB has come together for Python.
 *
 * LOOP_MORE, LOOP_DONE or LOOP_FAILED; `outgrow_odd` has what was handed over, `*rows` the rows looked at.
 */
EXPORT int outgrow_profile(cursor *from, const profile_column *columns, profile_counts *counts, int64_t most,
                           int64_t *rows) {
  from->odd.size = 0;
  for (*rows = 0; *rows < most && from->odd.size < (1U << 20); ++*rows) {
    int found = next_row(from);
    if (found <= 0) return found == 0 ? LOOP_DONE : LOOP_FAILED;
    for (int at = 0; at < from->columns; at++) {
      profile_counts *to = &counts[at];
      switch (sqlite.value_type(from->values[at])) {
        case SQLITE_INTEGER: {
          int64_t value = sqlite.value_int64(from->values[at]);
          if (to->integers++ == 0) to->min_integer = to->max_integer = value;
          if (value < to->min_integer) to->min_integer = value;
          if (value > to->max_integer) to->max_integer = value;
          if (columns[at].among != NULL && !is_among(columns[at].among, value)) to->strangers++;
          if (columns[at].look == LOOK_DECIMAL && fabs((double)value) > to->largest) to->largest = fabs((double)value);
          break;
        }
        case SQLITE_FLOAT:
          to->reals++;
          if (!look_at_real(from, at, &columns[at], to)) return LOOP_FAILED;
          break;
        case SQLITE_TEXT:
          to->texts++;
          if (!look_at_text(from, at, &columns[at], to)) return LOOP_FAILED;
          break;
        case SQLITE_BLOB: {
          int64_t size = sqlite.value_bytes(from->values[at]);
          to->blobs++;
          if (size > to->max_bytes) to->max_bytes = size;
          break;
        }
        default:
          break;
      }
    }
    from->waiting = 0;
  }
  return LOOP_MORE;
}
