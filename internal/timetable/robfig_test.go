package timetable_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/robfig/cron/v3"
)

// TestWhereRobfigDiffers is the list of the guide: what EventBridge fires around changes of the clock, and what
// robfig/cron does. Elsewhere the two agree, as TestRandomCronExpressions finds.
func TestWhereRobfigDiffers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ zone, expr, from, to, eventBridge, robfig string }{
		"a time that comes twice": {
			"America/New_York", "30 1 * * *", "2026-10-31", "2026-11-02",
			"31T01:30-0400 01T01:30-0400", "31T01:30-0400 01T01:30-0400 01T01:30-0500",
		},
		"an hour that comes twice": {
			"America/New_York", "0,30 0-2 1 * *", "2026-11-01", "2026-11-02",
			"01T00:00-0400 01T00:30-0400 01T01:00-0400 01T01:30-0400 01T02:00-0500 01T02:30-0500",
			"01T00:00-0400 01T00:30-0400 01T01:00-0400 01T01:30-0400 01T01:00-0500 01T01:30-0500 01T02:00-0500 01T02:30-0500",
		},
		"a time that is skipped, where they agree": {
			"America/New_York", "30 2 * * *", "2026-03-07", "2026-03-10",
			"07T02:30-0500 09T02:30-0400", "07T02:30-0500 09T02:30-0400",
		},
		"a day without a midnight": {
			"America/Santiago", "0 5 * * 6", "2026-09-04", "2026-09-09",
			"05T05:00-0400", "05T05:00-0400 06T05:00-0300", // a Sunday
		},
		"a month without a midnight": {
			"America/Asuncion", "0 12 1,2,31 10 *", "2017-09-25", "2017-11-03",
			"01T12:00-0300 02T12:00-0300 31T12:00-0300", "",
		},
		"half an hour back": {
			"Australia/Lord_Howe", "0 3 * * *", "2026-04-04", "2026-04-07",
			"04T03:00+1100 05T03:00+1030 06T03:00+1030", "04T03:00+1100 06T03:00+1030",
		},
		"half an hour forward": {
			"Australia/Lord_Howe", "0 3 * * *", "2026-10-03", "2026-10-06",
			"03T03:00+1030 04T03:00+1100 05T03:00+1100", "03T03:00+1030 05T03:00+1100",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			zone := mustZone(t, tc.zone)
			at := func(date string) time.Time {
				day, err := time.ParseInLocation("2006-01-02", date, zone)
				if err != nil {
					t.Fatal(err)
				}
				return day
			}
			from, to := at(tc.from), at(tc.to)
			if got := between(mustCron(t, tc.expr, zone), from.Add(-1), to); !slices.Equal(got, strings.Fields(tc.eventBridge)) {
				t.Errorf("EventBridge %v, want %s", got, tc.eventBridge)
			}
			robfig, err := cron.ParseStandard("CRON_TZ=" + tc.zone + " " + tc.expr)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for tick := robfig.Next(from.Add(-1)); !tick.IsZero() && tick.Before(to); tick = robfig.Next(tick) {
				got = append(got, tick.In(zone).Format("02T15:04-0700"))
			}
			if !slices.Equal(got, strings.Fields(tc.robfig)) {
				t.Errorf("robfig/cron %v, want %s", got, tc.robfig)
			}
		})
	}
}
