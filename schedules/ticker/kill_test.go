package ticker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coretasks/core/results"
	"github.com/coretasks/core/results/sqlitestore"
	"github.com/coretasks/core/schedules/ticker"
	"github.com/coretasks/core/tasks"
)

// A mortal is a ticker's claims and queue until it is killed: then nothing that it does has an effect or an answer.
type mortal struct {
	house  *house
	claims ticker.Claims
	owner  string
	stop   func()

	mu      sync.Mutex
	dead    bool
	holds   time.Time // the tick that it has claimed
	unknown string    // the job that is sent, but not settled
}

// A house has some mortals who fire the same tasks, a queue, and a worker.
type house struct {
	t      *testing.T
	random *rand.Rand
	claims ticker.Claims
	worker func(tasks.Message)
	id     func(tick time.Time) string

	mu       sync.Mutex
	calm     bool // nobody is killed any more
	alive    int
	kills    map[string]int // by where it was
	deaths   []time.Time
	held     map[string]bool // jobs whose ticks were claimed by one who was killed then
	messages map[string]int  // by job
	unknown  map[string]int  // jobs whose sender was killed before it could settle them
}

// mayDie kills the mortal at a place, at times.
func (m *mortal) mayDie(place string) bool {
	m.house.mu.Lock()
	defer m.house.mu.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return true
	}
	odds := 150
	if m.unknown != "" { // between sending and settling, which comes to one of three only
		odds = 30
	}
	if m.house.calm || m.house.alive < 2 || m.house.random.IntN(odds) > 0 {
		return false
	}
	m.dead = true
	m.house.alive--
	m.house.kills[place]++
	m.house.deaths = append(m.house.deaths, time.Now())
	if !m.holds.IsZero() {
		m.house.held[m.house.id(m.holds)] = true
	}
	if m.unknown != "" {
		m.house.unknown[m.unknown]++
	}
	m.stop()
	return true
}

// held is the tick of the mortal in a claim.
func (m *mortal) held(c ticker.Claim) time.Time {
	for _, hold := range c.Pending {
		if hold.Owner == m.owner {
			return hold.Tick
		}
	}
	return time.Time{}
}

func (m *mortal) GetClaim(ctx context.Context, schedule string) (ticker.Claim, error) {
	if m.mayDie("before it reads") {
		return ticker.Claim{}, errDown
	}
	return m.claims.GetClaim(ctx, schedule)
}

func (m *mortal) SwapClaim(ctx context.Context, schedule string, revision int64, next ticker.Claim) (ticker.Claim, error) {
	what := "it settles"
	if !m.held(next).IsZero() {
		what = "it claims"
	}
	if m.mayDie("before " + what) {
		return ticker.Claim{}, errDown
	}
	c, err := m.claims.SwapClaim(ctx, schedule, revision, next)
	m.mu.Lock()
	if m.holds = m.held(c); m.holds.IsZero() {
		m.unknown = ""
	}
	m.mu.Unlock()
	if m.mayDie("after " + what) {
		return ticker.Claim{}, errDown
	}
	return c, err
}

func (m *mortal) Send(_ context.Context, msgs []tasks.Message) []error {
	if m.mayDie("before it sends") {
		return []error{errDown}
	}
	id := msgs[0].Envelope.ID
	m.house.mu.Lock()
	m.house.messages[id]++
	m.house.mu.Unlock()
	m.mu.Lock()
	m.unknown = id
	m.mu.Unlock()
	m.house.worker(msgs[0])
	if m.mayDie("after it sends") {
		return []error{errDown}
	}
	return nil
}

// bear starts a mortal, and another some seconds after its death, until ctx ends.
func (h *house) bear(ctx context.Context, registry *tasks.Registry) {
	for ctx.Err() == nil {
		life, stop := context.WithCancel(ctx)
		m := &mortal{house: h, claims: h.claims, stop: stop}
		tk, err := ticker.New(registry, m, ticker.Config{Claims: m, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			h.t.Error(err)
			return
		}
		m.owner = tk.Owner()
		h.mu.Lock()
		h.alive++
		pause := time.Duration(h.random.Int64N(int64(8 * time.Second)))
		h.mu.Unlock()
		tk.Run(life)
		if m.dead {
			time.Sleep(pause)
		}
		stop()
	}
}

// mayBeLate is nothing to speak of, unless whoever had claimed a tick is dead. Then it is a lease, and another for each death
// meanwhile: whoever watched the claim can die in turn.
func (h *house) mayBeLate(tick time.Time, late time.Duration) time.Duration {
	if !h.held[h.id(tick)] {
		return time.Second
	}
	allowed := time.Second
	for _, death := range h.deaths {
		if !death.Before(tick) && death.Before(tick.Add(late)) {
			allowed += ticker.Lease + ticker.WatchEvery
		}
	}
	return allowed
}

// Three schedulers with one store are killed at random, at any point of what they do, for five minutes in which a tick
// comes each second. Each tick runs once. It is late only where somebody was killed who had claimed that very tick, and sent
// more than once only where its sender died too early to say that it was sent.
func TestKilledAtRandom(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { killAtRandom(t, seed) })
		})
	}
}

func killAtRandom(t *testing.T, seed uint64) {
	store, err := sqlitestore.Open(filepath.Join(t.TempDir(), "results.db"), sqlitestore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	recorder := results.NewRecorder(store, results.Config{})
	runs, late := map[string]int{}, map[string]time.Duration{}
	var mu sync.Mutex
	task := tasks.Periodic("p", func(ctx context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		attempt, _ := tasks.Current(ctx)
		id := attempt.Job.ID
		_, tick, _ := tasks.ParseTickID(id)
		runs[id]++
		late[id] = time.Since(tick)
		return nil
	}, tasks.Every(time.Second))
	registry := tasks.NewRegistry(task)
	executor, err := tasks.NewExecutor(registry, tasks.ExecutorConfig{Recorder: recorder, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	h := &house{
		t: t, random: rand.New(rand.NewPCG(seed, 3)), claims: store,
		kills: map[string]int{}, held: map[string]bool{}, messages: map[string]int{}, unknown: map[string]int{},
	}
	schedule := task.Info().Schedule
	h.id = func(tick time.Time) string { return schedule.TickID("p", tick) }
	h.worker = func(m tasks.Message) {
		body, err := json.Marshal(m.Envelope)
		if err != nil {
			t.Error(err)
		}
		if out := executor.Execute(t.Context(), tasks.Delivery{Queue: m.Queue, Body: string(body), Attempt: 1}); out.Verdict != tasks.Done {
			t.Errorf("%s: %+v", m.Envelope.ID, out)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { h.bear(ctx, registry) })
	}
	begin := time.Now()
	time.Sleep(5 * time.Minute)
	end := time.Now()
	h.mu.Lock()
	h.calm = true
	h.mu.Unlock()
	time.Sleep(2 * ticker.Lease) // what the last deaths have held up is on its way
	cancel()
	wg.Wait()
	if err := recorder.Close(t.Context()); err != nil {
		t.Error(err)
	}

	for tick := schedule.Next(begin); !tick.After(end); tick = schedule.Next(tick) {
		id := h.id(tick)
		switch {
		case runs[id] != 1:
			t.Errorf("%s ran %d times", id, runs[id])
		case late[id] > h.mayBeLate(tick, late[id]):
			t.Errorf("%s ran %v late; somebody was killed who had claimed it: %t", id, late[id], h.held[id])
		case h.messages[id] > 1+h.unknown[id]:
			t.Errorf("%s was sent %d times, and %d of its senders were killed then", id, h.messages[id], h.unknown[id])
		}
	}
	total := 0
	for _, n := range h.kills {
		total += n
	}
	t.Logf("%d kills: %v; %d jobs sent by one who died before saying so", total, h.kills, len(h.unknown))
	if total < 10 || len(h.unknown) == 0 {
		t.Errorf("too few kills to tell: %v", h.kills)
	}
}
