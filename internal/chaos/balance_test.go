package chaos

import (
	"strings"
	"testing"
	"time"

	"github.com/coretasks/core/internal/chaos/clock"
	"github.com/coretasks/core/results"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func after(d time.Duration) time.Time { return noon.Add(d) }

func deeds(at ...time.Duration) []deed {
	var all []deed
	for i, d := range at {
		all = append(all, deed{pid: 1, attempt: i + 1, at: after(d), clock: after(d)})
	}
	return all
}

// A ledger that can't find anything proves nothing: each promise is broken here once.
func TestBalanceFindsBrokenPromises(t *testing.T) {
	t.Parallel()
	succeeded := &results.Record{State: results.Succeeded, FinishedAt: after(time.Second)}
	tests := []struct {
		name string
		job  job
		tell func(*evidence)
		want string // "" for nothing
	}{
		{name: "worked", job: job{accepted: true, starts: deeds(0), ends: deeds(time.Second), record: succeeded}},
		{name: "worked, but nobody knows who asked", job: job{starts: deeds(0), ends: deeds(time.Second), record: succeeded}},
		{name: "dead", job: job{accepted: true, letters: 1, reason: "permanent", record: &results.Record{State: results.Dead}}},
		{name: "cancelled", job: job{accepted: true, cancelled: after(0), cancelledAs: "cancelled", record: &results.Record{State: results.Cancelled}}},
		{name: "unknown and never seen", job: job{unknown: true}},
		{name: "lost", job: job{accepted: true}, want: "LOST"},
		{name: "begun and lost", job: job{accepted: true, starts: deeds(0)}, want: "LOST"},
		{name: "refused, and has run", job: job{refused: true, starts: deeds(0), ends: deeds(time.Second), record: succeeded}, want: "was refused"},
		{
			name: "run after its success was recorded", want: "success was recorded",
			job: job{accepted: true, starts: deeds(0, time.Minute), ends: deeds(time.Second), record: succeeded},
		},
		{
			name: "the same while the store was down",
			job:  job{accepted: true, starts: deeds(0, time.Minute), ends: deeds(time.Second), record: succeeded},
			tell: func(e *evidence) { e.outages = []interval{{1, after(time.Second), after(time.Hour)}} },
		},
		{
			name: "the same as seen by a worker whose clock is ahead", want: "success was recorded",
			job: job{
				accepted: true, record: &results.Record{State: results.Succeeded, FinishedAt: after(time.Minute + time.Second)}, starts: deeds(0, 30*time.Second),
				ends: []deed{{pid: 1, attempt: 1, at: after(time.Second), clock: after(time.Minute + time.Second)}},
			},
		},
		{
			name: "run again before its success was recorded, by a worker whose clock is behind",
			job: job{
				accepted: true, record: &results.Record{State: results.Succeeded, FinishedAt: noon}, starts: deeds(0, 30*time.Second),
				ends: []deed{{pid: 1, attempt: 2, at: after(31 * time.Second), clock: noon}},
			},
		},
		{
			name: "run after it was cancelled", want: "was cancelled",
			job: job{accepted: true, cancelled: after(0), cancelledAs: "cancelled", starts: deeds(time.Second), record: &results.Record{State: results.Cancelled}},
		},
		{name: "unknown, with a record", job: job{unknown: true, record: &results.Record{State: results.Queued}}},
		{name: "queued for ever", job: job{unknown: true, messages: 1, record: &results.Record{State: results.Queued}}, want: "in state queued"},
		{name: "running for ever", job: job{unknown: true, record: &results.Record{State: results.Running}}, want: "in state running"},
		{name: "a success that never was", job: job{unknown: true, record: succeeded}, want: "never finished"},
		{name: "dead without a letter", job: job{unknown: true, record: &results.Record{State: results.Dead}}, want: "no dead letter"},
		{name: "finished without a record", job: job{accepted: true, starts: deeds(0), ends: deeds(1)}, want: "has no record"},
		{
			name: "deleted before it finished", want: "before the job had finished",
			job:  job{accepted: true, starts: deeds(0), ends: deeds(time.Second), record: succeeded},
			tell: func(e *evidence) { e.deletes = []deletion{{"j", after(time.Millisecond)}} },
		},
		{
			name: "deleted before it finished, and sent again",
			job:  job{accepted: true, sentAgain: noon, starts: deeds(0), ends: deeds(time.Second), record: succeeded},
			tell: func(e *evidence) { e.deletes = []deletion{{"j", after(time.Millisecond)}} },
		},
		{
			name: "deleted afterwards",
			job:  job{accepted: true, starts: deeds(0), ends: deeds(time.Second), record: succeeded},
			tell: func(e *evidence) { e.deletes = []deletion{{"j", after(2 * time.Second)}} },
		},
		{
			name: "deleted before its dead letter was sent", want: "before the job had finished",
			job:  job{accepted: true, letters: 1, letterSent: after(time.Second), record: &results.Record{State: results.Dead}},
			tell: func(e *evidence) { e.deletes = []deletion{{"j", after(0)}} },
		},
		{
			name: "a worker that could not acknowledge, although nothing was wrong", want: "acknowledgements",
			job:  job{accepted: true, starts: deeds(0), ends: deeds(time.Second), record: succeeded},
			tell: func(e *evidence) { e.cutShort = []string{"worker-1: before all acknowledgements were answered"} },
		},
		{
			name: "a panic in a log", want: "panic",
			job:  job{accepted: true, starts: deeds(0), ends: deeds(time.Second), record: succeeded},
			tell: func(e *evidence) { e.trouble = []string{"worker-1.log: panic: oh"} },
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.job.id = "j"
			e := &evidence{jobs: map[string]*job{"j": &test.job}}
			if test.tell != nil {
				test.tell(e)
			}
			l := newLedger(Config{Store: true}, nil)
			l.balance(e)
			got := strings.Join(l.Violations, "\n")
			if test.want == "" && got != "" || !strings.Contains(got, test.want) {
				t.Errorf("violations %q, want %q\n%s", got, test.want, l)
			}
			if lost := strings.Contains(got, "LOST"); lost != (l.Lost == 1) {
				t.Errorf("%d lost, %q", l.Lost, got)
			}
		})
	}
}

// Ticks that no scheduler fires are found, unless one has said so.
func TestTicksAreCounted(t *testing.T) {
	t.Parallel()
	gap := []interval{{begin: after(2 * time.Second), end: after(3 * time.Second)}}
	for name, tc := range map[string]struct {
		fired  []int // seconds
		missed []interval
		store  bool
		want   int
	}{
		"none":                  {store: true, want: 1},
		"all":                   {fired: []int{1, 2, 3}, store: true},
		"a gap":                 {fired: []int{1, 4}, store: true, want: 2},
		"a gap that was told":   {fired: []int{1, 4}, missed: gap, store: true},
		"a gap without a store": {fired: []int{1, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := &evidence{jobs: map[string]*job{}, missed: tc.missed, ticking: true}
			for _, second := range tc.fired {
				j := e.job(tickTask + "@" + after(time.Duration(second)*time.Second).Format(time.RFC3339))
				j.starts, j.ends = deeds(time.Minute), deeds(time.Minute)
			}
			l := newLedger(Config{Store: tc.store}, nil)
			l.ticks(e)
			if len(l.Violations) != tc.want || l.Ticks != len(tc.fired) {
				t.Errorf("%d ticks, %v, want %d violations", l.Ticks, l.Violations, tc.want)
			}
		})
	}
}

func TestDuplicatesHaveCauses(t *testing.T) {
	t.Parallel()
	twice := job{id: "j", accepted: true, starts: deeds(0, time.Minute), ends: deeds(time.Second, time.Minute)}
	tests := []struct {
		want string
		tell func(*evidence, *job)
	}{
		{"sent twice", func(_ *evidence, j *job) { j.messages = 2 }},
		{"worker killed", func(e *evidence, _ *job) { e.kills = map[int]time.Time{1: after(2 * time.Second)} }},
		{"clock stepped", func(e *evidence, _ *job) {
			e.steps = []interval{{begin: after(3 * time.Second), end: after(5 * time.Second)}}
		}},
		{"lost for the visibility timeout", func(*evidence, *job) {}},
	}
	for _, test := range tests {
		t.Run(test.want, func(t *testing.T) {
			t.Parallel()
			j := twice
			e := &evidence{jobs: map[string]*job{"j": &j}}
			test.tell(e, &j)
			l := newLedger(Config{}, nil)
			l.balance(e)
			if got := list(l.Duplicated); !strings.Contains(got, test.want) || sum(l.Duplicated) != 1 {
				t.Errorf("duplicated%s, want %q", got, test.want)
			}
		})
	}
}

// A plan is its seed's alone, and has all kinds of faults.
func TestPlanIsReproducible(t *testing.T) {
	t.Parallel()
	cfg := Config{Seed: 3, Faults: 150, Duration: time.Minute, Store: true}
	names := func(cfg Config) string {
		var b strings.Builder
		last := time.Duration(0)
		for _, e := range plan(cfg) {
			if e.at < last || e.at > cfg.Duration {
				t.Errorf("event at %v after %v", e.at, last)
			}
			last = e.at
			b.WriteString(e.at.String() + e.name() + "\n")
		}
		return b.String()
	}
	first := names(cfg)
	if names(cfg) != first {
		t.Error("the same seed gave another plan")
	}
	for _, what := range []string{killWorker, stopWorker, killProducer, killScheduler, killAPI, killQueue, fillQueue, fillStore, "answer lost", "half-open", "expired", "throttled", "slow"} {
		if !strings.Contains(first, what) {
			t.Errorf("no %s in 150 faults", what)
		}
	}
	for _, what := range []string{stepQueue, stepRestart, stepOther} {
		if strings.Contains(first, what) != clock.Supported {
			t.Errorf("%s among 150 faults: %t", what, !clock.Supported)
		}
	}
	cfg.Seed = 4
	if names(cfg) == first {
		t.Error("another seed gave the same plan")
	}
	cfg.Endpoint = "127.0.0.1:1"
	if plan := names(cfg); strings.Contains(plan, "emulator") {
		t.Error("somebody else's endpoint is to be killed")
	}
}
