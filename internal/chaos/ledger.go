package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/coretasks/core/internal/faultproxy"
)

// A Ledger is what an experiment found.
type Ledger struct {
	Config   Config
	Events   map[string]int
	Requests map[faultproxy.Fault]int
	Took     time.Duration
	// Recovery is how long the queues took to be empty after the last fault.
	Recovery time.Duration

	Tried, Accepted, Unknown, Refused int // jobs, by what their sender was told
	Worked                            int // jobs that finished
	Cancelled                         int // jobs that never ran, on demand
	Retried                           int // runs that were a retry
	Dead                              map[string]int
	Duplicated                        map[string]int // effects beyond the first, by cause
	Lost                              int
	Ticks, Missed                     int // of the periodic task: fired, and left out
	// FailedStarts are workers that could not begin because the queues were out of reach.
	FailedStarts int
	// CutShort are workers that could not acknowledge everything before they had to stop, and said so.
	CutShort int

	// Survivor is the worker that lived through everything, Newcomer one that has just begun, both idle.
	Survivor, Newcomer sample

	// Violations are broken promises, Lost among them.
	Violations []string
	more       int
}

func newLedger(cfg Config, events map[string]int) *Ledger {
	return &Ledger{Config: cfg, Events: events, Dead: map[string]int{}, Duplicated: map[string]int{}}
}

// maxViolations bounds what is told one by one.
const maxViolations = 30

func (l *Ledger) violate(format string, args ...any) {
	if len(l.Violations) == maxViolations {
		l.more++
		return
	}
	l.Violations = append(l.Violations, fmt.Sprintf(format, args...))
}

// Faults is how many things went wrong on purpose.
func (l *Ledger) Faults() int { return sum(l.Events) }

func sum[K comparable](counts map[K]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// list writes counts as "3 of this, 1 of that".
func list[K ~string](counts map[K]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
	}
	if parts == nil {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// String is the ledger as people read it.
func (l *Ledger) String() string {
	endpoint, store := "the emulator", "no store"
	if l.Config.Endpoint != "" {
		endpoint = "LocalStack"
	}
	if l.Config.Store {
		store = "a results store"
	}
	var b strings.Builder
	line := func(name string, n int, detail string) { fmt.Fprintf(&b, "  %-11s %7d%s\n", name, n, detail) }
	fmt.Fprintf(&b, "seed %d on %s with %s: %d jobs, %d faults, %v, empty %v after the last fault\n",
		l.Config.Seed, endpoint, store, l.Tried, l.Faults(), l.Took.Round(time.Second), l.Recovery.Round(100*time.Millisecond))
	line("faults", l.Faults(), list(l.Events))
	line("requests hit", sum(l.Requests), list(l.Requests))
	line("bad starts", l.FailedStarts, " (processes that gave up since they could not reach their queues)")
	line("bad ends", l.CutShort, " (workers that were stopped while they could not reach their queues)")
	line("accepted", l.Accepted, "")
	line("unknown", l.Unknown, "")
	line("refused", l.Refused, "")
	line("worked", l.Worked, "")
	line("cancelled", l.Cancelled, "")
	line("retried", l.Retried, "")
	line("duplicated", sum(l.Duplicated), list(l.Duplicated))
	line("dead", sum(l.Dead), list(l.Dead))
	line("ticks", l.Ticks, fmt.Sprintf(" (%d missed)", l.Missed))
	line("lost", l.Lost, "")
	if l.Survivor.goroutines > 0 {
		fmt.Fprintf(&b, "  at the end a worker that lived through has %d goroutines, %d files, %d sockets; a new one %d, %d, %d\n",
			l.Survivor.goroutines, l.Survivor.files, l.Survivor.sockets, l.Newcomer.goroutines, l.Newcomer.files, l.Newcomer.sockets)
	}
	for _, v := range l.Violations {
		fmt.Fprintf(&b, "  BROKEN: %s\n", v)
	}
	if l.more > 0 {
		fmt.Fprintf(&b, "  BROKEN: and %d more\n", l.more)
	}
	return b.String()
}
