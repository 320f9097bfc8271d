package timetable_test

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coretasks/core/internal/timetable"
)

func mustCron(tb testing.TB, expr string, zone *time.Location) *timetable.Timetable {
	tb.Helper()
	tt, err := timetable.Cron(expr, zone)
	if err != nil {
		tb.Fatal(err)
	}
	return tt
}

func mustEvery(t *testing.T, d time.Duration) *timetable.Timetable {
	t.Helper()
	tt, err := timetable.Every(d)
	if err != nil {
		t.Fatal(err)
	}
	return tt
}

func mustZone(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func expressions(tt *timetable.Timetable) []string {
	var all []string
	for _, r := range tt.Rules() {
		all = append(all, r.Expression)
	}
	return all
}

func TestCronBecomesEventBridge(t *testing.T) {
	t.Parallel()
	for expr, want := range map[string]string{
		"* * * * *":               "cron(* * * * ? *)",
		"30 3 * * 1-5":            "cron(30 3 ? * 2-6 *)",
		"*/5 * * * *":             "cron(0/5 * * * ? *)",
		"*/1 * * * *":             "cron(* * * * ? *)",
		"0 0 * * 0":               "cron(0 0 ? * 1 *)",
		"0 0 * * 7":               "cron(0 0 ? * 1 *)",
		"0 0 * * SUN":             "cron(0 0 ? * 1 *)",
		"0 0 * * 0,7":             "cron(0 0 ? * 1 *)",
		"0 0 * * 0-7":             "cron(0 0 * * ? *)",
		"0 0 * * 5-7":             "cron(0 0 ? * 1,6,7 *)",
		"0 0 * * 7-3":             "cron(0 0 ? * 1-4 *)",
		"0 0 * * sat-Sun":         "cron(0 0 ? * 1,7 *)",
		"0 0 * * SUN-SAT":         "cron(0 0 * * ? *)",
		"0 0 * * 6-0":             "cron(0 0 ? * 1,7 *)",
		"0 0 * * */2":             "cron(0 0 ? * 1,3,5,7 *)",
		"0 0 * * 5/2":             "cron(0 0 ? * 6 *)",
		"0 0 * * 7/2":             "cron(0 0 ? * 1 *)",
		"0 0 * * 1-7/3":           "cron(0 0 ? * 1,2,5 *)",
		"3-40/7 0 * * *":          "cron(3,10,17,24,31,38 0 * * ? *)",
		"3-59/7 0 * * *":          "cron(3/7 0 * * ? *)",
		"5/10 */6 * * *":          "cron(5/10 0/6 * * ? *)",
		"0 9-17 * jan,DEC *":      "cron(0 9-17 * 1,12 ? *)",
		"0 0 1 JAN-JUN/2 *":       "cron(0 0 1 1,3,5 ? *)",
		"0 0 1,2,3,10,11,20 *\t*": "cron(0 0 1-3,10,11,20 * ? *)",
		" 0  12\t* * * ":          "cron(0 12 * * ? *)",
		"00 012 1 01 *":           "cron(0 12 1 1 ? *)",
		"0 0 29 2 *":              "cron(0 0 29 2 ? *)",
		"@hourly":                 "cron(0 * * * ? *)",
		"@daily":                  "cron(0 0 * * ? *)",
		"@midnight":               "cron(0 0 * * ? *)",
		"@weekly":                 "cron(0 0 ? * 1 *)",
		"@monthly":                "cron(0 0 1 * ? *)",
		"@yearly":                 "cron(0 0 1 1 ? *)",
		"@Annually":               "cron(0 0 1 1 ? *)",
		// Both fields of days.
		"0 0 13 * 5":         "cron(0 0 13 * ? *) cron(0 0 ? * 6 *)",
		"0 0 1-7 * 1":        "cron(0 0 1-7 * ? *) cron(0 0 ? * 2#2 *) cron(0 0 ? * 2#3 *) cron(0 0 ? * 2#4 *) cron(0 0 ? * 2#5 *)",
		"0 0 1-28 * 0":       "cron(0 0 1-28 * ? *) cron(0 0 ? * 1#5 *)",
		"0 0 1-7 2 1":        "cron(0 0 1-7 2 ? *) cron(0 0 ? 2 2#2 *) cron(0 0 ? 2 2#3 *) cron(0 0 ? 2 2#4 *) cron(0 0 ? 2 2#5 *)",
		"0 0 1-7,29 2 6":     "cron(0 0 1-7,29 2 ? *) cron(0 0 ? 2 7#2 *) cron(0 0 ? 2 7#3 *) cron(0 0 ? 2 7#4 *)",
		"0 0 1-7 * 1-5":      "cron(0 0 1-7 * ? *) cron(0 0 ? * 2-6 *)", // more schedules than it is worth
		"0 0 1-8 * 1":        "cron(0 0 1-8 * ? *) cron(0 0 ? * 2 *)",
		"0 0 1-31/2 * MON":   "cron(0 0 1/2 * ? *) cron(0 0 ? * 2 *)",
		"0 0 1-31 * 1":       "cron(0 0 * * ? *)",
		"0 0 1-30 4,6 1":     "cron(0 0 * 4,6 ? *)",
		"0 0 1 * 0-6":        "cron(0 0 * * ? *)",
		"0 0 30 2 1":         "cron(0 0 ? 2 2 *)",
		"0 0 5,* * 1":        "cron(0 0 * * ? *)",
		"0 0 *,5 * 1":        "cron(0 0 ? * 2 *)",
		"0 0 */1 * 1":        "cron(0 0 ? * 2 *)",
		"0 0 */2 * *":        "cron(0 0 1/2 * ? *)",
		"0 0 */2 * 0-6":      "cron(0 0 1/2 * ? *)",
		"0 0 1-31 * */2":     "cron(0 0 ? * 1,3,5,7 *)",
		"*/60 */24 */31 * *": "cron(0 0 1 * ? *)",
		// Days that depend on the month.
		"0 0 L * *":            "cron(0 0 L * ? *)",
		"0 0 l 2,6-8 *":        "cron(0 0 L 2,6-8 ? *)",
		"0 18 LW * *":          "cron(0 18 LW * ? *)",
		"0 0 15W * *":          "cron(0 0 15W * ? *)",
		"0 0 031w 1 *":         "cron(0 0 31W 1 ? *)",
		"0 0 * * 5L":           "cron(0 0 ? * 6L *)",
		"0 0 * * fril":         "cron(0 0 ? * 6L *)",
		"0 0 * * WEDL":         "cron(0 0 ? * 4L *)",
		"0 0 * * 0L":           "cron(0 0 ? * 1L *)",
		"0 0 * * 7L":           "cron(0 0 ? * 1L *)",
		"0 0 * * 5#2":          "cron(0 0 ? * 6#2 *)",
		"0 0 * * FRI#2":        "cron(0 0 ? * 6#2 *)",
		"0 0 * * wed#05":       "cron(0 0 ? * 4#5 *)",
		"0 0 * * 7#1":          "cron(0 0 ? * 1#1 *)",
		"0 0 L * 1":            "cron(0 0 L * ? *) cron(0 0 ? * 2 *)",
		"0 0 1-7 * 5L":         "cron(0 0 1-7 * ? *) cron(0 0 ? * 6L *)",
		"0 0 LW * SUN#1":       "cron(0 0 LW * ? *) cron(0 0 ? * 1#1 *)",
		"0 0 1-31 * 5L":        "cron(0 0 * * ? *)",
		"0 0 L * 0-6":          "cron(0 0 * * ? *)",
		"0 0 30W 2 5#2":        "cron(0 0 ? 2 6#2 *)",
		"0 0 29W 2 *":          "cron(0 0 29W 2 ? *)",
		"0 0 */1 * 5L":         "cron(0 0 ? * 6L *)",
		"\n0\u00a03\r* *\t*\n": "cron(0 3 * * ? *)",
		"@daily\n":             "cron(0 0 * * ? *)",
	} {
		t.Run(expr, func(t *testing.T) {
			t.Parallel()
			tt := mustCron(t, expr, time.UTC)
			if got := strings.ReplaceAll(strings.Join(expressions(tt), " "), ") cron", ") cron"); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			for _, r := range tt.Rules() {
				if r.Offsets != nil || r.Period != 0 {
					t.Errorf("a cron rule has offsets or a period: %+v", r)
				}
			}
		})
	}
}

func TestCronRefuses(t *testing.T) {
	t.Parallel()
	for expr, tc := range map[string]struct{ field, problem, caret string }{
		"":                             {"", "it is empty", "^"},
		"  ":                           {"", "it is empty", "^^"},
		"60 * * * *":                   {"minute", "60 is out of range: it must be 0 to 59", "^^"},
		"* 24 * * *":                   {"hour", "24 is out of range: it must be 0 to 23", "  ^^"},
		"* * 0 * *":                    {"day of month", "0 is out of range: it must be 1 to 31", "    ^"},
		"* * 1,32 * *":                 {"day of month", "32 is out of range", "      ^^"},
		"* * * 13 *":                   {"month", "13 is out of range: it must be 1 to 12", "      ^^"},
		"* * * JANUARY *":              {"month", `"JANUARY" is neither a number nor a name from JAN to DEC`, "      ^^^^^^^"},
		"* * * * 8":                    {"day of week", "8 is out of range: it must be 0 to 7", "        ^"},
		"* * * * MO":                   {"day of week", `"MO" is neither a number nor a name from SUN to SAT`, "        ^^"},
		"* * * * FRI-MON":              {"day of week", "the range ends before it begins; write FRI-6,0-MON", "        ^^^^^^^"},
		"* 22-2 * * *":                 {"hour", "the range ends before it begins; write 22-23,0-2", "  ^^^^"},
		"*/0 * * * *":                  {"minute", "the step must be 1 or more", "  ^"},
		"*/90 * * * *":                 {"minute", "the step 90 is longer than the field", "  ^^"},
		"*/x * * * *":                  {"minute", `the step "x" is not a number`, "  ^"},
		"*/ * * * *":                   {"minute", `the step "" is not a number`, "  ^"},
		"*/5/2 * * * *":                {"minute", `the step "5/2" is not a number`, "  ^^^"},
		"1,,2 * * * *":                 {"minute", "a list has an empty item", "  ^"},
		"1, * * * *":                   {"minute", "a list has an empty item", "  ^"},
		"1- * * * *":                   {"minute", "a number is missing", "  ^"},
		"-1 * * * *":                   {"minute", "a number is missing", "^"},
		"+1 * * * *":                   {"minute", `"+1" is not a number`, "^^"},
		"1-2-3 * * * *":                {"minute", `"2-3" is not a number`, "  ^^^"},
		"1-* * * * *":                  {"minute", `"*" stands alone or before a step`, "  ^"},
		"99999999999999999999 * * * *": {"minute", "is out of range", "^^^^^^^^^^^^^^^^^^^^"},
		"0 0 ? * 1":                    {"day of month", `"?" is not Unix cron; write "*"`, "    ^"},
		"L 0 * * *":                    {"minute", `"L" is not Unix cron; L, W and # are for days only`, "^"},
		"0 0 1 JULY *":                 {"month", `"JULY" is neither a number nor a name`, "      ^^^^"},
		"0 0 1 FEBL *":                 {"month", "L, W and # are for days only", "      ^^^^"},
		"0 0 15,L * *":                 {"day of month", `"L" stands alone: EventBridge takes no lists`, "       ^"},
		"0 0 1W,15W * *":               {"day of month", `"1W" stands alone`, "    ^^"},
		"0 0 1-15W * *":                {"day of month", `"15W" stands alone`, "      ^^^"},
		"0 0 L/2 * *":                  {"day of month", `"L" stands alone`, "    ^"},
		"0 0 L-3 * *":                  {"day of month", "EventBridge counts no days back from the last", "    ^^^"},
		"0 0 W * *":                    {"day of month", `"W" is none of 15W`, "    ^"},
		"0 0 WL * *":                   {"day of month", `"WL" is none of 15W`, "    ^^"},
		"0 0 32W * *":                  {"day of month", "32 is out of range: it must be 1 to 31", "    ^^"},
		"0 0 0W * *":                   {"day of month", "0 is out of range", "    ^"},
		"0 0 5L * *":                   {"day of month", "the last Friday is 5L as day of week", "    ^^"},
		"0 0 5#2 * *":                  {"day of month", `"#" is for the day of week`, "    ^^^"},
		"0 0 31W 4,6 *":                {"day of month", "so it is never due", "    ^^^"},
		"0 0 * * L":                    {"day of week", `"L" needs its day of week before it`, "        ^"},
		"0 0 * * 8L":                   {"day of week", "8 is out of range: it must be 0 to 7", "        ^"},
		"0 0 * * 5W":                   {"day of week", `"W" is for the day of month`, "        ^^"},
		"0 0 * * 1#6":                  {"day of week", "1 to 5; the last is written as in 5L", "          ^"},
		"0 0 * * FRI#L":                {"day of week", "1 to 5; the last is written as in 5L", "            ^"},
		"0 0 * * #2":                   {"day of week", "a number is missing", "        ^"},
		"0 0 * * MON#1,MON#3":          {"day of week", `"MON#1" stands alone: EventBridge takes no lists`, "        ^^^^^"},
		"0 0 * * 1-5L":                 {"day of week", `"5L" stands alone`, "          ^^"},
		"0 0 */2 * 5L":                 {"day of month", "for days that match either, write 1-31/2", "    ^^^"},
		"0 0 L * */2":                  {"day of week", "for days that match either, write 0-6/2", "        ^^^"},
		"cron(0 3 * * ? *)":            {"", `in five fields it is "0 3 * * *"`, "^^^^^^^^^^^^^^^^^"},
		" Cron( 30 3 ? * 2-6 * )\n":    {"", `in five fields it is "30 3 * * 1-5"`, " ^^^^^^^^^^^^^^^^^^^^^^"},
		"cron(0 9 ? * 6L 2026)":        {"", `it is "0 9 * * 5L"; for certain years, bound it with From`, "^^^^^^^^^^^^^^^^^^^^^"},
		"cron(0 9 ? * 2#1 *)":          {"", `"0 9 * * 1#1"`, "^^^^^^^^^^^^^^^^^^^"},
		"cron(0 9 ? * L *)":            {"", `"0 9 * * 6"`, "^^^^^^^^^^^^^^^^^"},
		"cron(0 9 ? * SUN,7 *)":        {"", `"0 9 * * SUN,6"`, "^^^^^^^^^^^^^^^^^^^^^"},
		"cron(0 9 ? * 0 *)":            {"", "write the five fields of Unix cron", "^^^^^^^^^^^^^^^^^"},
		"cron(0 9 * *)":                {"", "write the five fields of Unix cron", "^^^^^^^^^^^^^"},
		"cron(":                        {"", "write the five fields of Unix cron", "^^^^^"},
		"0 3 ? * MON *":                {"", `in five fields it is "0 3 * * MON"`, "            ^"},
		"rate(5 minutes)":              {"", "use Every(5*time.Minute)", "^^^^^^^^^^^^^^^"},
		"rate(1 hour)":                 {"", "use Every(time.Hour)", "^^^^^^^^^^^^"},
		"RATE( 2  days )":              {"", "use Every(2*24*time.Hour)", "^^^^^^^^^^^^^^^"},
		"rate(5)":                      {"", "use Every, with a duration such as 5*time.Minute", "^^^^^^^"},
		"at(2026-11-20T13:00:00)":      {"", "one point in time", "^^^^^^^^^^^^^^^^^^^^^^^"},
		"0 0 * *":                      {"", "it has 4 of five fields", "       ^"},
		"0 0 0 * * *":                  {"", "it has 6 fields and must have five", "          ^"},
		"TZ=UTC 0 0 * * *":             {"", "the time zone is not part of the expression", "^^^^^^"},
		"@reboot":                      {"", "@reboot has no time", "^^^^^^^"},
		"@every 5m":                    {"", "@every is not Unix cron; use an interval", "^^^^^^"},
		"@fortnightly":                 {"", "unknown shorthand", "^^^^^^^^^^^^"},
		"@daily 5":                     {"", "nothing may follow @daily", "       ^"},
		"0 0 30 2 *":                   {"day of month", "so it is never due", "    ^^"},
		"0 0 31 4,6,9,11 *":            {"day of month", "so it is never due", "    ^^"},
		"0 0 */2 * 1":                  {"day of month", `for days that match either, write 1-31/2`, "    ^^^"},
		"0 0 1 * */2":                  {"day of week", `for days that match either, write 0-6/2`, "        ^^^"},
		"ä * * * *":                    {"minute", `"ä" is not a number`, "^"},
		"* ä1 * * *":                   {"hour", `"ä1" is not a number`, "  ^^"},
		"*\n5 * * * *":                 {"", "it has 6 fields", "          ^"},
		"0 3 * * *\n0 4 * * *":         {"", "it has 10 fields", "          ^"},
		"*\x005 * * * *":               {"minute", "is not a number", "^^^"},
	} {
		t.Run(expr, func(t *testing.T) {
			t.Parallel()
			_, err := timetable.Cron(expr, time.UTC)
			e, isCron := errors.AsType[*timetable.CronError](err)
			if !isCron || e.Field != tc.field || !strings.Contains(e.Problem, tc.problem) || e.Expr != expr {
				t.Fatalf("error %#v\nwant field %q, problem %q", err, tc.field, tc.problem)
			}
			if _, caret, _ := strings.Cut(e.Caret(), "\n"); caret != tc.caret {
				t.Errorf("caret\n%s\nwant\n%s", e.Caret(), tc.caret)
			}
			if msg := e.Error(); strings.Contains(msg, "\n") || !strings.Contains(msg, tc.field) {
				t.Errorf("message %q is not one line that names the field", msg)
			}
		})
	}
}

func TestTheLongestExpressionFitsEventBridge(t *testing.T) {
	t.Parallel()
	pairs := func(low, high int) string { // two of three: neither a range nor a step
		var items []string
		for n := low; n <= high; n++ {
			if (n-low)%3 != 2 {
				items = append(items, itoa(n))
			}
		}
		return strings.Join(items, ",")
	}
	tt := mustCron(t, strings.Join([]string{pairs(0, 59), pairs(0, 23), pairs(1, 31), pairs(1, 12), "1"}, " "), nil)
	for _, e := range expressions(tt) {
		if len(e) > 256 {
			t.Errorf("%d characters: %s", len(e), e)
		}
	}
	if n := len(expressions(tt)[0]); n != 238 {
		t.Errorf("the longest has %d characters, not 238 as the comment says", n)
	}
}

var awsCron = regexp.MustCompile(`^cron\([0-9*/,-]+ [0-9*/,-]+ ` +
	`(\? [0-9*/,-]+ ([0-9,#-]+|[1-7]L)|([0-9*/,-]+|[0-9]+W|LW?) [0-9*/,-]+ \?) \*\)$`)

func FuzzCron(f *testing.F) {
	for _, seed := range []string{
		"* * * * *", "*/5 9-17 * * MON-FRI", "0 0 1,15 * 3", "0 0 29 2 *", "@weekly", "5/10 0 * JAN *", "0 0 * * SAT-SUN",
		"0 0 1-7 * 1", "0 0 */2 * 1", "", "@every 1s", "1-2-3 * * * *", "\x00 ä * * *", "0 0 30 2 0-7",
		"0 0 L * *", "0 0 LW * 5", "0 0 15W * *", "0 0 * * 5L", "0 0 * * FRI#2", "0 0 1,L * *",
		"cron(0 3 ? * 2-6 *)", "rate(1 day)",
	} {
		f.Add(seed, int64(1_700_000_000))
	}
	f.Fuzz(func(t *testing.T, expr string, at int64) {
		after := time.Unix(at%4_000_000_000, 0) // a fifth Saturday in February can be 40 years away
		tt, err := timetable.Cron(expr, time.UTC)
		if err != nil {
			e, isCron := errors.AsType[*timetable.CronError](err)
			if !isCron || e.Pos < 0 || e.Len < 0 || e.Pos+e.Len > len(expr) || e.Problem == "" {
				t.Fatalf("error %#v", err)
			}
			if lines := strings.Split(e.Caret(), "\n"); len(lines) != 2 || strings.Contains(e.Error(), "\n") {
				t.Fatalf("error %q, caret %q", e, e.Caret())
			}
			return
		}
		rules := tt.Rules()
		if len(rules) == 0 || len(rules) > 10 {
			t.Fatalf("%d rules", len(rules))
		}
		for _, r := range rules {
			if !awsCron.MatchString(r.Expression) || len(r.Expression) > 256 {
				t.Errorf("expression %q", r.Expression)
			}
		}
		first := tt.Next(after)
		if !first.After(after) {
			t.Fatalf("Next(%v) = %v", after, first)
		}
		second := tt.Next(first)
		if !second.IsZero() && second.Sub(first) < tt.Gap() {
			t.Errorf("from %v to %v is less than the gap %v", first, second, tt.Gap())
		}
		if between := tt.Next(first.Add(-time.Second)); !between.Equal(first) {
			t.Errorf("a second before %v, the next is %v", first, between)
		}
		if name, tick, ok := timetable.ParseTickID(tt.TickID("n", first)); !ok || name != "n" || !tick.Equal(first) {
			t.Errorf("id %q reads as %v, %v, %v", tt.TickID("n", first), name, tick, ok)
		}
	})
}

func TestNextNamesTheZone(t *testing.T) {
	t.Parallel()
	zone := mustZone(t, "America/Sao_Paulo")
	tt := mustCron(t, " 30 3  *\t* 1-5\n", zone)
	if got, want := tt.String(), "30 3 * * 1-5 (America/Sao_Paulo)"; got != want {
		t.Errorf("String %q, want %q", got, want)
	}
	var got []string
	at := time.Date(2026, 7, 2, 12, 0, 0, 0, time.UTC)
	for range 3 {
		at = tt.Next(at)
		got = append(got, at.Format("Mon 2006-01-02T15:04:05Z07:00"))
	}
	want := []string{"Fri 2026-07-03T03:30:00-03:00", "Mon 2026-07-06T03:30:00-03:00", "Tue 2026-07-07T03:30:00-03:00"}
	if !slices.Equal(got, want) || tt.Zone() != zone {
		t.Errorf("ticks %v, want %v", got, want)
	}
}
