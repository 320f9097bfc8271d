package schedexpr_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coretasks/core/internal/schedexpr"
)

func parse(t testing.TB, text string) *schedexpr.Expression {
	t.Helper()
	e, err := schedexpr.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func instant(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// TestNext lists the first firings after a time, in UTC.
func TestNext(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		expression, zone, after string
		want                    []string
	}{
		"the guide's example of a day of the week": {"cron(15 12 ? * MON-FRI *)", "UTC", "2026-01-02T12:15:00Z",
			[]string{"2026-01-05T12:15:00Z", "2026-01-06T12:15:00Z"}},
		"the guide's last Friday of the month": {"cron(15 10 ? * 6L 2022-2023)", "UTC", "2022-11-01T00:00:00Z",
			[]string{"2022-11-25T10:15:00Z", "2022-12-30T10:15:00Z", "2023-01-27T10:15:00Z"}},
		"the last year ends it":             {"cron(0 0 1 1 ? 2199)", "UTC", "2199-01-01T00:00:00Z", []string{""}},
		"Sunday is 1":                       {"cron(0 0 ? * 1 *)", "UTC", "2026-01-01T00:00:00Z", []string{"2026-01-04T00:00:00Z"}},
		"L is Saturday":                     {"cron(0 0 ? * L *)", "UTC", "2026-01-01T00:00:00Z", []string{"2026-01-03T00:00:00Z"}},
		"steps from a value":                {"cron(50/5 23 ? * * *)", "UTC", "2026-01-01T23:51:30Z", []string{"2026-01-01T23:55:00Z", "2026-01-02T23:50:00Z"}},
		"last day of February":              {"cron(0 0 L 2 ? *)", "UTC", "2027-03-01T00:00:00Z", []string{"2028-02-29T00:00:00Z", "2029-02-28T00:00:00Z"}},
		"nearest weekday is not past a 1st": {"cron(0 0 1W * ? *)", "UTC", "2026-07-15T00:00:00Z", []string{"2026-08-03T00:00:00Z"}},
		"nearest weekday before a Saturday": {"cron(0 0 3W * ? *)", "UTC", "2026-09-15T00:00:00Z", []string{"2026-10-02T00:00:00Z"}},
		"nearest weekday after a Sunday":    {"cron(0 0 4W * ? *)", "UTC", "2026-09-15T00:00:00Z", []string{"2026-10-05T00:00:00Z"}},
		"nearest weekday of a last Sunday":  {"cron(0 0 31W * ? *)", "UTC", "2026-05-01T00:00:00Z", []string{"2026-05-29T00:00:00Z", "2026-07-31T00:00:00Z"}},
		"last weekday":                      {"cron(0 0 LW * ? *)", "UTC", "2026-02-01T00:00:00Z", []string{"2026-02-27T00:00:00Z"}},
		"second Tuesday":                    {"cron(0 0 ? * 3#2 *)", "UTC", "2026-01-01T00:00:00Z", []string{"2026-01-13T00:00:00Z", "2026-02-10T00:00:00Z"}},
		"fifth Friday, some months":         {"cron(0 0 ? * FRI#5 *)", "UTC", "2026-01-31T00:00:00Z", []string{"2026-05-29T00:00:00Z"}},
		"a day that is never there":         {"cron(0 0 30 2 ? *)", "UTC", "2026-01-31T00:00:00Z", []string{""}},
		"29 February":                       {"cron(0 0 29 FEB ? *)", "UTC", "2096-03-01T00:00:00Z", []string{"2104-02-29T00:00:00Z"}},
		"before 1970":                       {"cron(0 0 * * ? *)", "UTC", "1960-03-01T00:00:00Z", []string{"1970-01-01T00:00:00Z"}},
		"spring skips what is not there": {"cron(30 2 * * ? *)", "America/New_York", "2026-03-07T00:00:00Z",
			[]string{"2026-03-07T07:30:00Z", "2026-03-09T06:30:00Z"}},
		"autumn fires once, the first time": {"cron(30 1 * * ? *)", "America/New_York", "2026-10-31T12:00:00Z",
			[]string{"2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"}},
		"autumn's second hour has no firing": {"cron(0/30 * * * ? *)", "America/New_York", "2026-11-01T05:29:00Z",
			[]string{"2026-11-01T05:30:00Z", "2026-11-01T07:00:00Z"}},
		"from within autumn's second hour": {"cron(45 1 * * ? *)", "America/New_York", "2026-11-01T06:10:00Z",
			[]string{"2026-11-02T06:45:00Z"}},
		"a change of half an hour": {"cron(45 1 * * ? *)", "Australia/Lord_Howe", "2026-04-04T12:00:00Z",
			[]string{"2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"}},
		"a day that a zone left out": {"cron(0 12 30 12 ? *)", "Pacific/Apia", "2010-12-31T00:00:00Z",
			[]string{"2012-12-29T22:00:00Z"}},
		"at":                           {"at(2026-07-01T00:00:00)", "America/Sao_Paulo", "2026-01-01T00:00:00Z", []string{"2026-07-01T03:00:00Z", ""}},
		"at is over":                   {"at(2026-07-01T00:00:00)", "UTC", "2026-07-01T00:00:00Z", []string{""}},
		"at where the clock skips":     {"at(2026-03-08T02:30:00)", "America/New_York", "2026-01-01T00:00:00Z", []string{""}},
		"at where the clock goes back": {"at(2026-11-01T01:30:00)", "America/New_York", "2026-01-01T00:00:00Z", []string{"2026-11-01T05:30:00Z", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, z, after := parse(t, test.expression), zone(t, test.zone), instant(t, test.after)
			for _, want := range test.want {
				next := e.Next(after, z, time.Time{}, time.Time{})
				got := ""
				if !next.IsZero() {
					got = next.UTC().Format(time.RFC3339)
				}
				if got != want {
					t.Fatalf("after %v: got %q, want %q", after, got, want)
				}
				after = next
			}
		})
	}
}

func TestRateCountsElapsedTime(t *testing.T) {
	t.Parallel()
	e, z := parse(t, "rate(1 day)"), zone(t, "America/New_York")
	start, end := instant(t, "2026-03-07T12:00:00Z"), instant(t, "2026-03-09T12:00:00Z")
	var got []string
	for at := e.Next(time.Time{}, z, start, end); !at.IsZero(); at = e.Next(at, z, start, end) {
		got = append(got, at.UTC().Format(time.RFC3339))
	}
	want := []string{"2026-03-07T12:00:00Z", "2026-03-08T12:00:00Z", "2026-03-09T12:00:00Z"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v: the clock's change is in between, the end is included", got, want)
	}
	if far := parse(t, "rate(999999999 days)").Next(start, z, start, time.Time{}); !far.IsZero() {
		t.Errorf("a rate beyond 2199 fires at %v", far)
	}
	odd := start.Add(500 * time.Millisecond)
	if got := e.Next(start.Add(24*time.Hour), z, odd, time.Time{}); !got.Equal(odd.Add(24 * time.Hour)) {
		t.Errorf("got %v, want a whole period after %v", got, odd)
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	e := parse(t, "cron(0 0 * * ? *)")
	start, end := instant(t, "2026-01-05T00:00:00Z"), instant(t, "2026-01-06T00:00:00Z")
	if got := e.Next(time.Time{}, nil, start, end); !got.Equal(start) {
		t.Errorf("the first firing is %v, want the start itself", got)
	}
	if got := e.Next(start, nil, start, end); !got.Equal(end) {
		t.Errorf("the second firing is %v, want the end itself", got)
	}
	if got := e.Next(end, nil, start, end); !got.IsZero() {
		t.Errorf("after the end it fires at %v", got)
	}
	if at := parse(t, "at(2026-01-01T00:00:00)"); at.Next(time.Time{}, nil, start, end).IsZero() {
		t.Error("a one-time schedule heeds the start date; AWS ignores it")
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, reason string }{
		{"", "form cron"},
		{"rate", "form cron"},
		{"cron(0 0 * * ? *", "form cron"},
		{"every(5 minutes)", "begin with"},
		{"Cron(0 0 * * ? *)", "begin with"},
		{"cron(0 0 * * ?)", "5 fields"},
		{"cron(0 0 * * * *)", "exactly one"},
		{"cron(0 0 ? * ? *)", "exactly one"},
		{"cron(0 0 1 * MON *)", "exactly one"},
		{"cron(60 0 * * ? *)", `"60": the minutes must be from 0 to 59`},
		{"cron(0 24 * * ? *)", "hours"},
		{"cron(0 0 32 * ? *)", "day of month"},
		{"cron(0 0 0 * ? *)", "day of month"},
		{"cron(0 0 1 13 ? *)", "month"},
		{"cron(0 0 ? * 0 *)", "day of week must be from 1 to 7"},
		{"cron(0 0 ? * 8 *)", "day of week"},
		{"cron(0 0 ? * 3#6 *)", "from 1 to 5"},
		{"cron(0 0 ? * 3#1,6#3 *)", "number after #"},
		{"cron(0 0 ? * 2/2 *)", "no step"},
		{"cron(0 0 ? * FRI-MON *)", "upwards"},
		{"cron(0 0 1W,15W * ? *)", "day of month"},
		{"cron(0 0 * * ? 1969)", "year"},
		{"cron(0 0 * * ? 2200)", "year"},
		{"cron(0/0 0 * * ? *)", "step"},
		{"cron(0/60 0 * * ? *)", "step"},
		{"cron(/5 0 * * ? *)", "minutes"},
		{"cron(5- 0 * * ? *)", "minutes"},
		{"cron(+5 0 * * ? *)", "minutes"},
		{"cron(1,,2 0 * * ? *)", "minutes"},
		{"cron(? 0 * * ? *)", "minutes"},
		{"rate(0 minutes)", "whole number"},
		{"rate(+1 minutes)", "whole number"},
		{"rate(1.5 hours)", "whole number"},
		{"rate(1000000000 days)", "whole number"},
		{"rate(5 seconds)", "unit"},
		{"rate(5)", "value and a unit"},
		{"rate()", "value and a unit"},
		{"rate(5  minutes)", "one space"},
		{"rate(5\tminutes)", "one space"},
		{"rate(5\u00a0minutes)", "one space"},
		{"rate(5 minutes 1)", "one space"},
		{"rate( 10 minutes )", "no blank"},
		{"rate(10 minutes )", "no blank"},
		{"rate(\n10 minutes)", "no blank"},
		{" rate(10 minutes)", "no blank"},
		{"rate(10 minutes) ", "no blank"},
		{"rate (10 minutes)", "begin with"},
		{"cron( 0 0 * * ? *)", "no blank"},
		{"cron(0 0 * * ? * )", "no blank"},
		{"cron(0 0 * * ? *)\n", "no blank"},
		{"cron(0\t0 * * ? *)", "5 fields"},
		{"cron(0 0 * * ?\u00a0*)", "5 fields"},
		{"cron()", "0 fields"},
		{"at( 2026-02-03T00:00:00)", "no blank"},
		{"at(2026-02-03T00:00:00 )", "no blank"},
		{"\tat(2026-02-03T00:00:00)", "no blank"},
		{"at(2026-02-30T00:00:00)", "yyyy"},
		{"at(2026-02-03T00:00:00Z)", "yyyy"},
		{"at(2026-02-03T00:00:00.5)", "yyyy"},
		{"at(2026-02-03 00:00:00)", "yyyy"},
	} {
		_, err := schedexpr.Parse(test.text)
		var syntax *schedexpr.SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%q: got %v, want a SyntaxError", test.text, err)
			continue
		}
		if syntax.Message() != "Invalid Schedule Expression "+test.text+"." || !strings.Contains(syntax.Reason, test.reason) ||
			err.Error() != syntax.Message()+" Reason: "+syntax.Reason+"." {
			t.Errorf("%q: got %q, want the reason to contain %q", test.text, err, test.reason)
		}
	}
}

func TestParseAccepts(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"cron(0-15/1 8-8 ? * 2,3,4,5,6,7 *)", "cron(30-30 13-13 ? * 2,4,6 *)", "cron(1-31/30 1-1 ? * 1,7 *)",
		"cron(*/5 * ? JAN-mar,12 sun *)", "cron(0  0 * * ? 2026/2)", "rate(1 minutes)", "rate(5 minute)", "rate(999999999 days)",
	} {
		if e := parse(t, text); e.String() != text {
			t.Errorf("%q became %q", text, e)
		}
	}
}

// TestAgainstTheClock compares random expressions with a clock that is read each minute, around changes of the clock.
func TestAgainstTheClock(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{"UTC", "America/New_York", "Europe/London", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca"} {
		z := zone(t, name)
		for range 15 {
			f := randomFields(rng)
			e := parse(t, "cron("+strings.Join(f, " ")+")")
			from := time.Date(2011+rng.IntN(16), time.Month(1+rng.IntN(12)), 25, 0, 0, 0, 0, time.UTC)
			until := from.AddDate(0, 0, 9)
			got := firings(e, z, from, until)
			want := readClock(f, z, from, until)
			if !slices.Equal(got, want) {
				t.Fatalf("%s in %s from %v:\ngot  %v\nwant %v", e, name, from, got, want)
			}
		}
	}
}

func firings(e *schedexpr.Expression, z *time.Location, from, until time.Time) []int64 {
	var all []int64
	for at := e.Next(from, z, time.Time{}, until); !at.IsZero(); at = e.Next(at, z, time.Time{}, until) {
		all = append(all, at.Unix())
	}
	return all
}

// randomFields avoids what readClock does not know: L, W and #.
func randomFields(rng *rand.Rand) []string {
	number := func(low, high int) string {
		a, b := low+rng.IntN(high-low+1), low+rng.IntN(high-low+1)
		switch rng.IntN(5) {
		case 0:
			return strconv.Itoa(a)
		case 1:
			return fmt.Sprintf("%d-%d", min(a, b), max(a, b))
		case 2:
			return fmt.Sprintf("%d,%d", a, b)
		}
		return "*"
	}
	f := []string{number(0, 59), number(0, 5), number(1, 31), number(1, 12), "?", "*"}
	if rng.IntN(2) == 0 {
		f[2], f[4] = "?", number(1, 7)
	}
	return f
}

func readClock(f []string, z *time.Location, from, until time.Time) []int64 {
	var all []int64
	shown := map[string]bool{}
	for at := from.Add(-48 * time.Hour); !at.After(until); at = at.Add(time.Minute) {
		local := at.In(z)
		reading := local.Format("2006-01-02 15:04")
		if shown[reading] {
			continue
		}
		shown[reading] = true
		if at.After(from) && holds(f[0], local.Minute()) && holds(f[1], local.Hour()) && holds(f[2], local.Day()) &&
			holds(f[3], int(local.Month())) && holds(f[4], int(local.Weekday())+1) {
			all = append(all, at.Unix())
		}
	}
	return all
}

func holds(field string, v int) bool {
	for item := range strings.SplitSeq(field, ",") {
		low, high, ranged := strings.Cut(item, "-")
		if !ranged {
			high = low
		}
		a, _ := strconv.Atoi(low)
		b, _ := strconv.Atoi(high)
		if item == "*" || item == "?" || a <= v && v <= b {
			return true
		}
	}
	return false
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"cron(0/5 8-17 ? * MON-FRI 2026-2030/2)", "cron(0 0 LW * ? *)", "cron(0 0 15W 2 ? *)", "cron(1 2 ? * 6L *)",
		"cron(0 0 ? * 3#5 *)", "rate(5 minutes)", "at(2026-02-03T00:00:00)", "cron(0 0 31 2 ? *)",
	} {
		f.Add(seed, int64(1_780_000_000))
	}
	z := zone(f, "America/New_York")
	f.Fuzz(func(t *testing.T, text string, at int64) {
		e, err := schedexpr.Parse(text)
		if err != nil {
			return
		}
		after := time.Unix(at%8_000_000_000, 0)
		start := time.Unix(1_000_000_000, 0)
		for range 3 {
			next := e.Next(after, z, start, time.Time{})
			if next.IsZero() {
				return
			}
			if !next.After(after) {
				t.Fatalf("%q fires at %v, which is not after %v", text, next, after)
			}
			if between := e.Next(next.Add(-time.Second), z, start, time.Time{}); !between.Equal(next) {
				t.Fatalf("%q fires at %v, and seen from a second before at %v", text, next, between)
			}
			after = next
		}
	})
}

func BenchmarkNext(b *testing.B) {
	e, z := parse(b, "cron(15 3 ? * MON-FRI *)"), zone(b, "America/New_York")
	at := time.Unix(1_780_000_000, 0)
	for b.Loop() {
		if at = e.Next(at, z, time.Time{}, time.Time{}); at.IsZero() {
			at = time.Unix(1_780_000_000, 0)
		}
	}
}
