// Package claimtest is one suite of what every store of schedulers' claims promises, to be run on each of them.
package claimtest

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coretasks/core/schedules/ticker"
)

// Open returns the claims of one test; each call gives another handle on the same.
type Open func(t testing.TB) ticker.Claims

// Run runs the suite. New makes room for the claims of one test, which no other test sees.
func Run(t *testing.T, newClaims func(t *testing.T) Open) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Open){
		"Swap":         testSwap,
		"Values":       testValues,
		"Names":        testNames,
		"Repeated":     testRepeated,
		"AtOnce":       testAtOnce,
		"ContextEnded": testContextEnded,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newClaims(t))
		})
	}
}

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func by(owner string, tick time.Time) ticker.Pending {
	return ticker.Pending{{Tick: tick, Owner: owner}}
}

func swap(t *testing.T, c ticker.Claims, schedule string, revision int64, next ticker.Claim) ticker.Claim {
	t.Helper()
	got, err := c.SwapClaim(t.Context(), schedule, revision, next)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func get(t *testing.T, c ticker.Claims, schedule string) ticker.Claim {
	t.Helper()
	got, err := c.GetClaim(t.Context(), schedule)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// want compares claims; times by the instant.
func want(t *testing.T, what string, got, want ticker.Claim) {
	t.Helper()
	pending := slices.EqualFunc(got.Pending, want.Pending, func(a, b ticker.Hold) bool {
		return a.Tick.Equal(b.Tick) && a.Owner == b.Owner && a.Renewed == b.Renewed
	})
	if !got.Reached.Equal(want.Reached) || !pending || got.Revision != want.Revision {
		t.Errorf("%s: %+v, want %+v", what, got, want)
	}
}

func testSwap(t *testing.T, open Open) {
	a, b := open(t), open(t)
	none := ticker.Claim{}
	first := ticker.Claim{Reached: noon, Pending: by("a", noon), Revision: 1}
	second := ticker.Claim{Reached: noon.Add(time.Second), Pending: slices.Concat(by("a", noon), by("b", noon.Add(time.Second))), Revision: 2}
	third := ticker.Claim{Reached: noon.Add(time.Second), Revision: 3}

	want(t, "none", get(t, a, "s"), none)
	want(t, "a revision that was never there", swap(t, a, "s", 1, first), none)
	want(t, "the first", swap(t, a, "s", 0, first), first)
	want(t, "the first by another", swap(t, b, "s", 0, second), first)
	want(t, "the second", swap(t, b, "s", 1, second), second)
	want(t, "an old revision", swap(t, a, "s", 1, third), second)
	want(t, "a revision to come", swap(t, a, "s", 3, third), second)
	want(t, "the third", swap(t, b, "s", 2, third), third)
	want(t, "read by one", get(t, a, "s"), third)
	want(t, "read by another", get(t, b, "s"), third)
	want(t, "another schedule", get(t, a, "other"), none)
}

func testValues(t *testing.T, open Open) {
	c := open(t)
	var many ticker.Pending
	for i := range 200 {
		many = append(many, ticker.Hold{Tick: noon.Add(time.Duration(i-200) * time.Second), Owner: strings.Repeat("o", 36), Renewed: int64(i)})
	}
	saoPaulo := time.FixedZone("", -3*3600)
	for name, claim := range map[string]ticker.Claim{
		"nothing":           {},
		"only reached":      {Reached: noon},
		"only pending":      {Pending: by("a", noon)},
		"given back":        {Reached: noon, Pending: ticker.Pending{{Tick: noon, Renewed: 3}}},
		"in another zone":   {Reached: noon.In(saoPaulo), Pending: by("a", noon.Add(time.Minute).In(saoPaulo))},
		"the last tick":     {Reached: time.Date(2199, 12, 31, 23, 59, 59, 0, time.UTC), Pending: by("a", time.Date(2199, 12, 31, 23, 59, 59, 0, time.UTC))},
		"before the epoch":  {Reached: time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC), Pending: by("a", time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC))},
		"an owner's unruly": {Reached: noon, Pending: by("a'b\"c\n€ #", noon)},
		"many":              {Reached: noon, Pending: many},
	} {
		claim.Revision = 1
		want(t, name, swap(t, c, name, 0, claim), claim)
		want(t, name+", read", get(t, c, name), claim)
		cleared := ticker.Claim{Revision: 2}
		want(t, name+", cleared", swap(t, c, name, 1, cleared), cleared)
		want(t, name+", cleared and read", get(t, c, name), cleared)
	}
}

func testNames(t *testing.T, open Open) {
	c := open(t)
	names := []string{"a", "A", "a ", " a", "a#b", "a/b", "größe", "a\nb", "schedule a", "'", "%"}
	for i, name := range names {
		swap(t, c, name, 0, ticker.Claim{Pending: by(strconv.Itoa(i), noon)})
	}
	for i, name := range names {
		want(t, strconv.Quote(name), get(t, c, name), ticker.Claim{Pending: by(strconv.Itoa(i), noon), Revision: 1})
	}
}

// A call whose answer was lost is told what it made.
func testRepeated(t *testing.T, open Open) {
	c := open(t)
	made := swap(t, c, "s", 0, ticker.Claim{Reached: noon, Pending: by("a", noon)})
	want(t, "the same again", swap(t, c, "s", 0, ticker.Claim{Reached: noon, Pending: by("a", noon)}), made)
}

// Of all that change one revision, one does.
func testAtOnce(t *testing.T, open Open) {
	const owners, rounds = 8, 12
	var won [rounds]atomic.Int64
	var wg sync.WaitGroup
	for n := range owners {
		c := open(t)
		owner := strconv.Itoa(n)
		wg.Go(func() {
			var seen ticker.Claim
			for seen.Revision < rounds {
				got, err := c.SwapClaim(t.Context(), "s", seen.Revision, ticker.Claim{Reached: noon, Pending: by(owner, noon)})
				if err != nil {
					t.Error(err)
					return
				}
				if got.Revision == seen.Revision {
					t.Errorf("revision %d was neither changed nor another's", got.Revision)
					return
				}
				if got.Revision == seen.Revision+1 && len(got.Pending) == 1 && got.Pending[0].Owner == owner {
					won[seen.Revision].Add(1)
				}
				seen = got
			}
		})
	}
	wg.Wait()
	for revision := range won {
		if n := won[revision].Load(); n > 1 {
			t.Errorf("revision %d was changed %d times", revision, n)
		}
	}
	want(t, "in the end", ticker.Claim{Revision: get(t, open(t), "s").Revision}, ticker.Claim{Revision: rounds})
}

func testContextEnded(t *testing.T, open Open) {
	c := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.GetClaim(ctx, "s"); !errors.Is(err, context.Canceled) {
		t.Errorf("read: %v", err)
	}
	if _, err := c.SwapClaim(ctx, "s", 0, ticker.Claim{Reached: noon}); !errors.Is(err, context.Canceled) {
		t.Errorf("written: %v", err)
	}
}
