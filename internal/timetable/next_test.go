package timetable_test

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coretasks/core/internal/timetable"
)

func itoa(n int) string { return strconv.Itoa(n) }

// between returns the ticks after from and not after to, as the clock on the wall shows them.
func between(tt *timetable.Timetable, from, to time.Time) []string {
	var ticks []string
	for at := tt.Next(from); !at.IsZero() && !at.After(to); at = tt.Next(at) {
		ticks = append(ticks, at.Format("02T15:04-0700"))
	}
	return ticks
}

func TestDaylightSaving(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		zone, expr, from, to string // the clock on the wall
		want                 string
	}{
		"Berlin skips 2:30 in spring":        {"Europe/Berlin", "30 2 * * *", "2026-03-28 00:00", "2026-03-31 00:00", "28T02:30+0100 30T02:30+0200"},
		"Berlin has 2:30 once in autumn":     {"Europe/Berlin", "30 2 * * *", "2026-10-24 00:00", "2026-10-27 00:00", "24T02:30+0200 25T02:30+0200 26T02:30+0100"},
		"Berlin half-hourly in spring":       {"Europe/Berlin", "*/30 1-3 * * *", "2026-03-29 00:00", "2026-03-29 12:00", "29T01:00+0100 29T01:30+0100 29T03:00+0200 29T03:30+0200"},
		"Berlin half-hourly in autumn":       {"Europe/Berlin", "*/30 1-3 * * *", "2026-10-25 00:00", "2026-10-25 12:00", "25T01:00+0200 25T01:30+0200 25T02:00+0200 25T02:30+0200 25T03:00+0100 25T03:30+0100"},
		"New York skips 2:00":                {"America/New_York", "0 2 * * *", "2026-03-07 00:00", "2026-03-10 00:00", "07T02:00-0500 09T02:00-0400"},
		"New York has 1:00 once":             {"America/New_York", "0 1 * * *", "2026-11-01 00:00", "2026-11-02 02:00", "01T01:00-0400 02T01:00-0500"},
		"São Paulo has no midnight":          {"America/Sao_Paulo", "0 0 * * *", "2018-11-03 12:00", "2018-11-05 12:00", "05T00:00-0200"},
		"São Paulo's midnight comes once":    {"America/Sao_Paulo", "0 0 * * *", "2018-02-16 12:00", "2018-02-19 12:00", "17T00:00-0200 18T00:00-0300 19T00:00-0300"},
		"São Paulo has 23:30 twice":          {"America/Sao_Paulo", "30 23 * * *", "2018-02-16 12:00", "2018-02-18 12:00", "16T23:30-0200 17T23:30-0200"},
		"Lord Howe moves by half an hour":    {"Australia/Lord_Howe", "*/15 1,2 * * *", "2026-10-04 01:00", "2026-10-04 05:00", "04T01:15+1030 04T01:30+1030 04T01:45+1030 04T02:30+1100 04T02:45+1100"},
		"Lord Howe has 1:45 once":            {"Australia/Lord_Howe", "45 1 * * *", "2026-04-04 00:00", "2026-04-06 00:00", "04T01:45+1100 05T01:45+1100"},
		"Kathmandu is 5:45 off":              {"Asia/Kathmandu", "0 0 * * *", "2026-01-01 00:00", "2026-01-02 12:00", "02T00:00+0545"},
		"Apia had no 30 December 2011":       {"Pacific/Apia", "0 12 * * *", "2011-12-29 00:00", "2012-01-01 00:00", "29T12:00-1000 31T12:00+1400"},
		"Azores put back at offset 0":        {"Atlantic/Azores", "30 0 * * *", "2026-10-24 12:00", "2026-10-26 12:00", "25T00:30+0000 26T00:30-0100"},
		"London put back to offset 0":        {"Europe/London", "30 1 * * *", "2026-10-24 12:00", "2026-10-26 12:00", "25T01:30+0100 26T01:30+0000"},
		"Dublin's winter is the saving time": {"Europe/Dublin", "30 1 * * *", "2026-03-28 00:00", "2026-03-31 00:00", "28T01:30+0000 30T01:30+0100"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			zone := mustZone(t, tc.zone)
			at := func(wall string) time.Time {
				when, err := time.ParseInLocation("2006-01-02 15:04", wall, zone)
				if err != nil {
					t.Fatal(err)
				}
				return when
			}
			got := between(mustCron(t, tc.expr, zone), at(tc.from), at(tc.to))
			if want := strings.Fields(tc.want); !slices.Equal(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}

// TestNextAgainstTheClock compares Next with a clock that is watched minute by minute, in the zones and weeks where
// clocks change.
func TestNextAgainstTheClock(t *testing.T) {
	t.Parallel()
	for _, period := range []struct{ zone, from string }{
		{"America/Sao_Paulo", "2018-02-15"}, {"America/Sao_Paulo", "2018-11-01"}, {"Europe/Berlin", "2026-03-27"}, {"Europe/Berlin", "2026-10-23"},
		{"America/New_York", "2026-03-06"}, {"America/New_York", "2026-10-30"}, {"Australia/Lord_Howe", "2026-04-03"}, {"Australia/Lord_Howe", "2026-10-02"},
		{"Asia/Kathmandu", "1985-12-30"}, {"Pacific/Apia", "2011-12-28"}, {"Africa/Casablanca", "2026-02-13"}, {"Africa/Casablanca", "2026-03-20"},
		{"America/St_Johns", "2006-10-27"}, {"Antarctica/Troll", "2026-03-27"}, {"Antarctica/Troll", "2026-10-23"}, {"Asia/Tehran", "2022-09-20"},
		{"UTC", "2024-02-27"}, {"Pacific/Kwajalein", "1993-08-19"}, {"America/Caracas", "2016-04-29"},
	} {
		t.Run(period.zone+" "+period.from, func(t *testing.T) {
			t.Parallel()
			zone := mustZone(t, period.zone)
			start, err := time.Parse("2006-01-02", period.from)
			if err != nil {
				t.Fatal(err)
			}
			minutes := watch(start, start.AddDate(0, 0, 5), zone)
			random := rand.New(rand.NewPCG(1, uint64(len(period.from+period.zone))))
			for range 25 {
				minute, hour := random.IntN(60), random.IntN(4)
				step := 1 + random.IntN(40)
				weekdays := [...]string{"*", "0", "6", "1-5", "5-7"}[random.IntN(5)]
				expr := itoa(minute%step) + "-59/" + itoa(step) + " " + itoa(hour) + "-" + itoa(hour+random.IntN(24-hour)) + " * * " + weekdays
				tt := mustCron(t, expr, zone)
				var want []string
				due := dueBy(t, expr)
				for _, m := range minutes {
					if due(m) {
						want = append(want, m.Format("02T15:04-0700"))
					}
				}
				got := between(tt, start, start.AddDate(0, 0, 5))
				if !slices.Equal(got, want) {
					t.Fatalf("%s\ngot  %v\nwant %v", expr, got, want)
				}
			}
		})
	}
}

// watch returns the minutes after from and not after to, of each time of day that comes twice the first only.
func watch(from, to time.Time, zone *time.Location) []time.Time {
	seen := map[string]bool{}
	var minutes []time.Time
	for at := from.Add(-48 * time.Hour); !at.After(to); at = at.Add(time.Minute) {
		wall := at.In(zone)
		shown := wall.Format("2006-01-02T15:04")
		if !seen[shown] && at.After(from) {
			minutes = append(minutes, wall)
		}
		seen[shown] = true
	}
	return minutes
}

// dueBy reads the expressions that TestNextAgainstTheClock makes: "a-59/step b-c * * days".
func dueBy(t *testing.T, expr string) func(wall time.Time) bool {
	t.Helper()
	var n []int
	for _, word := range strings.FieldsFunc(expr, func(r rune) bool { return strings.ContainsRune(" -/", r) })[:5] {
		v, err := strconv.Atoi(word)
		if err != nil {
			t.Fatal(err)
		}
		n = append(n, v)
	}
	days := map[string]string{"*": "0123456", "0": "0", "6": "6", "1-5": "12345", "5-7": "560"}[expr[strings.LastIndexByte(expr, ' ')+1:]]
	return func(wall time.Time) bool {
		return wall.Minute() >= n[0] && (wall.Minute()-n[0])%n[2] == 0 && wall.Hour() >= n[3] && wall.Hour() <= n[4] &&
			strings.Contains(days, itoa(int(wall.Weekday())))
	}
}

func TestNextIsRareOrNever(t *testing.T) {
	t.Parallel()
	day := func(s string) time.Time {
		at, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for name, tc := range map[string]struct{ expr, after, want string }{
		"leap day over 2100":         {"0 0 29 2 *", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"},
		"either field":               {"0 0 13 * 5", "2026-02-10T00:00:00Z", "2026-02-13T00:00:00Z"},
		"strictly after":             {"0 0 13 * 5", "2026-02-13T00:00:00Z", "2026-02-20T00:00:00Z"},
		"seconds count":              {"* * * * *", "2026-02-13T00:00:59.5Z", "2026-02-13T00:01:00Z"},
		"the last minute of a year":  {"59 23 31 12 *", "2026-12-31T23:59:00Z", "2027-12-31T23:59:00Z"},
		"the last tick of all":       {"0 0 1 1 *", "2198-06-01T00:00:00Z", "2199-01-01T00:00:00Z"},
		"none after EventBridge's":   {"0 0 1 1 *", "2199-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
		"before the epoch":           {"0 0 1 1 *", "1914-06-01T00:00:00Z", "1915-01-01T00:00:00Z"},
		"a month that is over":       {"0 0 31 1 *", "2026-01-31T00:00:00Z", "2027-01-31T00:00:00Z"},
		"short months are left out":  {"0 0 31 * *", "2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z"},
		"an hour of two, later":      {"30 1,13 * * *", "2026-03-31T01:30:00Z", "2026-03-31T13:30:00Z"},
		"an hour whose time is over": {"5 1 * * *", "2026-03-31T01:30:00Z", "2026-04-01T01:05:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := mustCron(t, tc.expr, time.UTC).Next(day(tc.after)); !got.Equal(day(tc.want)) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func BenchmarkNextLeapDay(b *testing.B) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		b.Fatal(err)
	}
	tt := mustCron(b, "0 12 29 2 *", zone)
	after := time.Date(2096, 3, 1, 0, 0, 0, 0, time.UTC)
	for b.Loop() {
		tt.Next(after)
	}
}
