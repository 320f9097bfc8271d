package httpapi

import (
	"container/heap"
	"context"
	"errors"
	"hash/fnv"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/coretasks/core/internal/guard"
	"github.com/coretasks/core/results"
)

// How often a watched job is read: soon after a change, for short jobs, and then less and less.
const (
	firstRead = 100 * time.Millisecond
	lastRead  = time.Second
	// readers is how many records are read at once, so that a slow store holds few goroutines.
	readers = 16
)

// A snapshot is a job's record at one time, encoded once for all who watch it.
type snapshot struct {
	record results.Record
	id     string // of the event: it tells any two contents of a record apart
	data   []byte // JSON on one line
	gone   bool   // there is no record any more
}

func newSnapshot(r results.Record) *snapshot {
	data, err := marshal(r)
	if err != nil { // a store that gave what is not JSON as a result
		r.Result, r.Error = nil, "the stored result is not JSON"
		data, _ = marshal(r)
	}
	sum := fnv.New32a()
	_, _ = sum.Write(data)
	id := strconv.FormatInt(r.UpdatedAt.UnixMilli(), 10) + "-" + string(r.State) + "-" + strconv.FormatUint(uint64(sum.Sum32()), 36)
	return &snapshot{record: r, id: id, data: data}
}

// over reports that there is nothing more to come.
func (s *snapshot) over() bool { return s.gone || s.record.State.Final() }

// A hub reads each watched job once for all who watch it, never more than a number of reads a second, and nothing while
// nobody watches.
type hub struct {
	store   results.Store
	logger  *slog.Logger
	pace    time.Duration // between two reads
	timeout time.Duration

	mu      sync.Mutex
	watches map[string]*watch
	due     schedule
	reading int
	next    time.Time // of the next read
	active  bool      // run's goroutine lives
	down    bool
	wake    chan struct{}
}

// A watch is one job with those who watch it.
type watch struct {
	id     string
	now    *snapshot
	subs   map[*subscription]struct{}
	every  time.Duration
	at     time.Time // of the next read
	index  int       // in the schedule, -1 while it is read or over
	closed bool
}

// A subscription is one of those who watch a job. Changed has room for one signal: a slow reader gets the latest record,
// not each.
type subscription struct {
	hub     *hub
	watch   *watch
	changed chan struct{}
}

func newHub(store results.Store, logger *slog.Logger, readsPerSecond int, timeout time.Duration) *hub {
	return &hub{
		store: store, logger: logger, pace: time.Second / time.Duration(readsPerSecond), timeout: timeout,
		watches: map[string]*watch{}, wake: make(chan struct{}, 1),
	}
}

// join subscribes to a job that is watched already, or returns nil.
func (h *hub) join(id string) *subscription {
	h.mu.Lock()
	defer h.mu.Unlock()
	if w, ok := h.watches[id]; ok {
		return h.subscribe(w)
	}
	return nil
}

// begin subscribes to a job, given what was just read.
func (h *hub) begin(r results.Record) *subscription {
	now := newSnapshot(r)
	h.mu.Lock()
	defer h.mu.Unlock()
	w, ok := h.watches[r.ID]
	if !ok {
		w = &watch{id: r.ID, now: now, subs: map[*subscription]struct{}{}, every: firstRead, index: -1}
		h.watches[r.ID] = w
		h.plan(w)
	}
	return h.subscribe(w)
}

func (h *hub) subscribe(w *watch) *subscription {
	s := &subscription{hub: h, watch: w, changed: make(chan struct{}, 1)}
	w.subs[s] = struct{}{}
	return s
}

// latest returns the record as it is known.
func (s *subscription) latest() *snapshot {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	return s.watch.now
}

func (s *subscription) close() {
	h, w := s.hub, s.watch
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(w.subs, s)
	if len(w.subs) > 0 || w.closed {
		return
	}
	w.closed = true
	delete(h.watches, w.id)
	if w.index >= 0 {
		heap.Remove(&h.due, w.index)
	}
	if len(h.watches) == 0 {
		h.signal() // run ends
	}
}

// plan puts a watch into the schedule.
func (h *hub) plan(w *watch) {
	if w.now.over() || w.closed {
		return
	}
	w.at = time.Now().Add(w.every)
	heap.Push(&h.due, w)
	if !h.active {
		h.active = true
		go h.run()
	}
	h.signal()
}

func (h *hub) signal() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// run reads what is due, until nobody watches.
func (h *hub) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		w, wait, ok := h.take()
		switch {
		case !ok:
			return
		case w != nil:
			go h.read(w)
			continue
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-h.wake:
		}
	}
}

// take returns a watch that is due, or how long to wait for one; not ok means that nobody watches.
func (h *hub) take() (w *watch, wait time.Duration, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.watches) == 0 {
		h.active = false
		return nil, 0, false
	}
	if len(h.due) == 0 || h.reading == readers {
		return nil, time.Hour, true // the end of a read signals
	}
	now := time.Now()
	at := h.due[0].at
	if h.next.After(at) {
		at = h.next
	}
	if at.After(now) {
		return nil, at.Sub(now), true
	}
	h.next = now.Add(h.pace)
	h.reading++
	return heap.Pop(&h.due).(*watch), 0, true
}

// read reads a job's record and tells those who watch it.
func (h *hub) read(w *watch) {
	ctx, cancel := context.WithTimeout(context.Background(), h.timeout)
	defer cancel()
	var record results.Record
	err := guard.Try(func() (err error) { // here nobody else would hold a panic
		record, err = h.store.Get(ctx, w.id)
		return err
	})

	h.mu.Lock()
	defer h.mu.Unlock()
	h.reading--
	defer h.signal()
	h.told(err)
	changed := false
	switch {
	case errors.Is(err, results.ErrNotFound):
		w.now, changed = &snapshot{record: w.now.record, gone: true}, true
	case err == nil && !same(record, w.now.record):
		w.now, changed = newSnapshot(record), true
	}
	w.every = min(w.every*3/2, lastRead)
	if changed {
		w.every = firstRead
		for s := range w.subs {
			select {
			case s.changed <- struct{}{}:
			default:
			}
		}
	}
	h.plan(w)
}

// told logs when the store goes down and comes back, once each.
func (h *hub) told(err error) {
	down := err != nil && !errors.Is(err, results.ErrNotFound)
	if down == h.down {
		return
	}
	h.down = down
	if down {
		h.logger.Warn("the results store can't be read; event streams wait for it", "error", err)
		return
	}
	h.logger.Info("the results store can be read again")
}

// same compares what can change. A result comes with a state of its own.
func same(a, b results.Record) bool {
	return a.State == b.State && a.Attempt == b.Attempt && a.Runs == b.Runs && a.CancelRequested == b.CancelRequested &&
		a.UpdatedAt.Equal(b.UpdatedAt) && a.Progress == b.Progress && a.ProgressText == b.ProgressText && a.Error == b.Error
}

// A schedule is a heap of watches by the time of their next read.
type schedule []*watch

func (s schedule) Len() int           { return len(s) }
func (s schedule) Less(i, j int) bool { return s[i].at.Before(s[j].at) }
func (s schedule) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].index, s[j].index = i, j
}

// Push implements [heap.Interface].
func (s *schedule) Push(x any) {
	w := x.(*watch)
	w.index = len(*s)
	*s = append(*s, w)
}

// Pop implements [heap.Interface].
func (s *schedule) Pop() any {
	old := *s
	w := old[len(old)-1]
	old[len(old)-1] = nil
	*s = old[:len(old)-1]
	w.index = -1
	return w
}
