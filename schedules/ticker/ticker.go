// Package ticker fires periodic tasks from a process of one's own, where EventBridge Scheduler does not: on LocalStack,
// which stores schedules and never fires them, on other endpoints, and on a laptop.
//
// At each tick a job is sent whose id is that of EventBridge's, name@time. With [Claims] that they share, any number of
// tickers may run: each tick is claimed by a conditional write before it is sent and settled by another after, so it is
// sent once. An instance that dies holds up no tick but the one it had claimed, which another sends after a [Lease]. Whether the
// dead one had sent it nobody knows, so that its job can be on the queue twice: with a results store the second is skipped, see
// [tasks.JobID].
//
// Ticks that come due while no instance runs are missed: they are skipped, or with [tasks.CatchUp] the latest is fired.
// One that is up to [MaxLate] old is not missed but late, so that a restart or a clock that is set forward by some seconds
// costs nothing. A clock that is set back fires nothing again: ticks go on where they were when it has caught up.
package ticker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/coretasks/core/internal/guard"
	"github.com/coretasks/core/tasks"
)

const (
	// MaxLate is how old a tick may be that is still fired when an instance starts, or wakes up too late.
	MaxLate = 15 * time.Second
	// Lease is how long a claimed tick must not have been renewed before another instance takes it over. It is measured by the
	// clock of the one who waits, so clocks that differ don't matter. A live instance renews its claims in time.
	Lease = 5 * time.Second
	// ShutdownTimeout is how long Run goes on to send what it has claimed when its context has ended.
	ShutdownTimeout = 10 * time.Second

	// watchEvery is how often a claim is read while others' ticks are pending.
	watchEvery = Lease / 10
	// maxPending is how many ticks instances that died one after the other may leave behind before the next wait for them.
	maxPending = 100
	// longestSleep bounds how late a clock that was set is noticed; it is well below MaxLate.
	longestSleep = 5 * time.Second
	// Waits between attempts of what has failed.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 2 * time.Second
)

// ErrNoPeriodicTasks says that a registry has nothing to fire.
var ErrNoPeriodicTasks = errors.New("the program has no periodic tasks; define one with tasks.Periodic")

// Config sets up a [Ticker].
type Config struct {
	// Claims are shared by all tickers of these tasks. Without them exactly one may run, and what it missed while it was
	// stopped is never caught up.
	Claims Claims
	// Fired, unless it is nil, is called when a tick's job was accepted by its queue, from several goroutines.
	Fired func(Firing)
	// Logger is told what goes wrong. Default slog.Default.
	Logger *slog.Logger
}

// A Firing is a tick whose job was sent.
type Firing struct {
	Task  string `json:"task"`
	Queue string `json:"queue"`
	JobID string `json:"job_id"`
	// Tick is when it was due, in the schedule's zone, and At when it was sent.
	Tick time.Time `json:"tick"`
	At   time.Time `json:"at"`
}

// A Ticker fires the periodic tasks of a registry. Make one with [New].
type Ticker struct {
	cfg    Config
	sender tasks.Sender
	owner  string
	alone  bool // no others share its claims
	now    func() time.Time
	tasks  []tasks.AnyTask
}

// New returns a ticker that sends the jobs of the registry's periodic tasks. The error is the registry's, or
// [ErrNoPeriodicTasks].
func New(r *tasks.Registry, sender tasks.Sender, cfg Config) (*Ticker, error) {
	if err := r.Err(); err != nil {
		return nil, err
	}
	alone := cfg.Claims == nil
	if alone {
		cfg.Claims = newMemory()
	} else {
		cfg.Claims = heldClaims{cfg.Claims}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	cfg.Logger = guard.Logger(cfg.Logger)
	t := &Ticker{cfg: cfg, sender: sender, owner: uuid.NewString(), alone: alone, now: time.Now}
	for _, task := range r.Tasks() {
		if task.Info().Schedule != nil {
			t.tasks = append(t.tasks, task)
		}
	}
	if len(t.tasks) == 0 {
		return nil, ErrNoPeriodicTasks
	}
	return t, nil
}

// Run fires until ctx ends. Then it finishes what it has claimed, for up to [ShutdownTimeout], and gives back the rest.
// What fails meanwhile is logged and tried again; schedules don't wait for each other.
func (t *Ticker) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, task := range t.tasks {
		s := &schedule{
			Ticker: t, task: task, name: task.Info().Name, when: task.Info().Schedule,
			logger: t.cfg.Logger.With("task", task.Info().Name),
		}
		wg.Go(func() { s.run(ctx) })
	}
	wg.Wait()
}

// sleep reports false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
