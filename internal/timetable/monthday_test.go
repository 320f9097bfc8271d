package timetable_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coretasks/core/internal/schedexpr"
	"github.com/coretasks/core/internal/timetable"
)

func TestDaysThatDependOnTheMonth(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		zone, expr, after string
		want              string // the next days
	}{
		"month ends over a leap year":          {"UTC", "0 0 L * *", "2027-12-31", "2028-01-31 2028-02-29 2028-03-31"},
		"February in 2100, no leap year":       {"UTC", "0 0 L 2 *", "2099-01-01", "2099-02-28 2100-02-28"},
		"the last working day":                 {"UTC", "0 0 LW * *", "2026-01-01", "2026-01-30 2026-02-27 2026-03-31"},
		"a last working day in a leap year":    {"UTC", "0 0 LW 2 *", "2032-01-01", "2032-02-27 2033-02-28"},
		"a 1st on Saturday":                    {"UTC", "0 0 1W * *", "2026-07-31", "2026-08-03 2026-09-01"},
		"a 1st on Sunday":                      {"UTC", "0 0 1W * *", "2026-10-31", "2026-11-02 2026-12-01"},
		"a 2nd on Sunday":                      {"UTC", "0 0 2W * *", "2026-07-31", "2026-08-03"},
		"a 15th on Saturday":                   {"UTC", "0 0 15W * *", "2026-07-31", "2026-08-14 2026-09-15"},
		"a 15th on Sunday":                     {"UTC", "0 0 15W * *", "2026-10-31", "2026-11-16"},
		"a 30th on Sunday that is the last":    {"UTC", "0 0 30W * *", "2028-03-31", "2028-04-28 2028-05-30"},
		"a 31st on Sunday":                     {"UTC", "0 0 31W * *", "2026-04-30", "2026-05-29 2026-07-31"},
		"a 29th of February, on Sunday":        {"UTC", "0 0 29W 2 *", "2031-01-01", "2032-02-27 2036-02-29"},
		"the last Friday":                      {"UTC", "0 0 * * 5L", "2026-01-01", "2026-01-30 2026-02-27 2026-03-27"},
		"the last Sunday, by 7":                {"UTC", "0 0 * * 7L", "2026-02-01", "2026-02-22 2026-03-29"},
		"the second Friday":                    {"UTC", "0 0 * * FRI#2", "2026-01-01", "2026-01-09 2026-02-13 2026-03-13"},
		"a fifth Friday, not each month":       {"UTC", "0 0 * * 5#5", "2026-01-01", "2026-01-30 2026-05-29 2026-07-31"},
		"a fifth Saturday in February":         {"UTC", "0 0 * 2 6#5", "2027-01-01", "2048-02-29 2076-02-29"},
		"the first Sunday that is the first":   {"UTC", "0 0 * * 0#1", "2026-02-01", "2026-03-01"},
		"the last day or a Monday":             {"UTC", "0 0 L * 1", "2026-04-26", "2026-04-27 2026-04-30 2026-05-04"},
		"the 1st or the last Friday":           {"UTC", "0 0 1 * 5L", "2026-01-30", "2026-02-01 2026-02-27 2026-03-01"},
		"a first Sunday whose hour is skipped": {"America/Asuncion", "30 0 * 10 0#1", "2017-01-01", "2025-10-05"},
		"a last Sunday whose hour is skipped":  {"Europe/Berlin", "30 2 * * 0L", "2026-02-01", "2026-02-22 2026-04-26"},
		"a last Sunday whose hour comes twice": {"Europe/Berlin", "30 2 * 10 0L", "2026-02-01", "2026-10-25 2027-10-31"},
		"the last day in a zone ahead":         {"Pacific/Kiritimati", "0 1 L * *", "2026-01-01", "2026-01-31 2026-02-28"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			zone := mustZone(t, tc.zone)
			tt := mustCron(t, tc.expr, zone)
			at, err := time.ParseInLocation(time.DateOnly, tc.after, zone)
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Fields(tc.want)
			var got []string
			for range want {
				at = tt.Next(at)
				got = append(got, at.Format(time.DateOnly))
			}
			if !slices.Equal(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}

// What is said of a pasted expression must mean the same as that did.
func TestPastedExpressionsAreTranslated(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(texts ...string) string { return texts[r.IntN(len(texts))] }
	for range 500 {
		day, weekday := "?", pick("2", "1,7", "2-6", "MON-FRI", "6L", "FRIL", "1#1", "7#5", "TUE#2", "L", "*")
		if r.IntN(2) == 0 {
			day, weekday = pick("1", "1,15", "10-20/3", "L", "LW", "15W", "5/7", "*"), "?"
		}
		aws := fmt.Sprintf("cron(%d %s %s %s %s *)", r.IntN(60), pick("0", "9-17", "0/6", "12"), day,
			pick("*", "JAN", "2-5", "1/3"), weekday)
		_, err := timetable.Cron(aws, time.UTC)
		if err == nil {
			t.Fatalf("%s is accepted", aws)
		}
		_, hint, found := strings.Cut(err.Error(), "it is \"")
		if !found {
			t.Fatalf("%s: %v", aws, err)
		}
		hint, _, _ = strings.Cut(hint, "\"")
		tt := mustCron(t, hint, time.UTC)
		want, err := schedexpr.Parse(aws)
		if err != nil {
			t.Fatal(err)
		}
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for range 50 {
			next := want.Next(at, time.UTC, time.Time{}, time.Time{})
			if got := tt.Next(at); !got.Equal(next) {
				t.Fatalf("%s is not %s: after %v %v, not %v", hint, aws, at, got, next)
			}
			at = next
		}
	}
}
