/* Reading dates and times of the ordinary shapes; every other one is left to Python.
 *
 * Ordinary are YYYY-MM-DD, HH:MM[:SS[.f{1,6}]], and both with a blank or T between them, years 0001 to 9999,
 * seconds below 60. An instant may end in Z or +HH:MM.
 */
#ifndef OUTGROW_MOMENT_H
#define OUTGROW_MOMENT_H

#include <stdint.h>

#define SECOND_US 1000000LL
#define DAY_US (86400 * SECOND_US)

static inline int two_digits(const uint8_t *at) {
  unsigned tens = at[0] - '0', ones = at[1] - '0';
  return tens > 9 || ones > 9 ? -1 : (int)(tens * 10 + ones);
}

/* Days since 2000-01-01 of a proleptic Gregorian date (the civil calendar's 400-year cycle of 146,097 days). */
static inline int64_t days_since_2000(int year, int month, int day) {
  int shifted = month <= 2 ? year - 1 : year;
  int era = shifted / 400;
  int year_of_era = shifted - era * 400;
  int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return (int64_t)era * 146097 + day_of_era - 730425;
}

/* Reads YYYY-MM-DD; 0 where it is no such day. */
static inline int read_day(const uint8_t *at, int64_t *days) {
  static const int lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  int century = two_digits(at), rest = two_digits(at + 2), month = two_digits(at + 5), day = two_digits(at + 8);
  if (century < 0 || rest < 0 || at[4] != '-' || at[7] != '-') return 0;
  int year = century * 100 + rest;
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > lengths[month - 1]) return 0;
  if (month == 2 && day == 29 && (year % 4 != 0 || (year % 100 == 0 && year % 400 != 0))) return 0;
  *days = days_since_2000(year, month, day);
  return 1;
}

/* Reads HH:MM[:SS[.f{1,6}]] from the front of `size` bytes; returns how many bytes it takes, 0 if it is none. */
static inline int read_clock(const uint8_t *at, int size, int64_t *microseconds) {
  if (size < 5 || at[2] != ':') return 0;
  int hour = two_digits(at), minute = two_digits(at + 3);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59) return 0;
  int64_t total = (hour * 60 + minute) * 60 * SECOND_US;
  int used = 5;
  if (size >= 8 && at[5] == ':') {
    int second = two_digits(at + 6);
    if (second < 0 || second > 59) return 0;
    total += second * SECOND_US;
    used = 8;
    if (size > 9 && at[8] == '.') {
      int64_t unit = SECOND_US;
      for (used = 9; used < size && unit > 1 && at[used] >= '0' && at[used] <= '9'; used++) {
        unit /= 10;
        total += (at[used] - '0') * unit;
      }
      if (used == 9) return 0;
    }
  }
  *microseconds = total;
  return used;
}

/* Which of the ordinary shapes a text has. */
typedef enum { SHAPE_NONE, SHAPE_DATE, SHAPE_TIME, SHAPE_LOCAL, SHAPE_UTC, SHAPE_OFFSET } moment_shape;

/* Reads a text: days in `*value` for a date, microseconds for everything else, instants in UTC. */
static inline moment_shape read_moment(const uint8_t *at, int size, int64_t *value) {
  int64_t days, clock;
  if (size < 10) return size >= 5 && read_clock(at, size, value) == size ? SHAPE_TIME : SHAPE_NONE;
  if (at[2] == ':') return read_clock(at, size, value) == size ? SHAPE_TIME : SHAPE_NONE;
  if (!read_day(at, &days)) return SHAPE_NONE;
  if (size == 10) {
    *value = days;
    return SHAPE_DATE;
  }
  if (at[10] != ' ' && at[10] != 'T') return SHAPE_NONE;
  int used = read_clock(at + 11, size - 11, &clock);
  if (used == 0) return SHAPE_NONE;
  *value = days * DAY_US + clock;
  const uint8_t *zone = at + 11 + used;
  int left = size - 11 - used;
  if (left == 0) return SHAPE_LOCAL;
  if (left == 1 && zone[0] == 'Z') return SHAPE_UTC;
  if (left == 6 && (zone[0] == '+' || zone[0] == '-') && zone[3] == ':') {
    int hours = two_digits(zone + 1), minutes = two_digits(zone + 4);
    if (hours < 0 || hours > 15 || minutes < 0 || minutes > 59) return SHAPE_NONE;
    int64_t offset = (hours * 60 + minutes) * 60 * SECOND_US;
    if (offset == 0) return SHAPE_UTC;
    *value += zone[0] == '+' ? -offset : offset;
    /* The instant must stay within the years 0001 to 9999, as everywhere in the project. */
    if (*value < -730119LL * DAY_US || *value >= 2921940LL * DAY_US) return SHAPE_NONE;
    return SHAPE_OFFSET;
  }
  return SHAPE_NONE;
}

#endif
