// Package batch gathers single items into batches, without making a lone item wait.
//
// The same mechanism serves messages on their way out, deletions and visibility changes: a call goes out at once while
// few requests are under way, and calls made meanwhile share the next one. It exists because no library does all of:
// limits by count and by bytes, an error for each item, and a Close that always returns.
package batch

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coretasks/core/internal/deepstack"
)

// ErrClosed is what an item gets that was added after Close, or that Close could not flush in time.
var ErrClosed = errors.New("batcher is closed")

// ErrUnderWay is what an item gets whose answer nobody waited for, beside why: its caller's context ended, or Close's.
var ErrUnderWay = errors.New("no answer was waited for")

// Config sets a [Batcher]'s limits.
type Config[T any] struct {
	// Handle carries out one batch and returns an error for each item in order, or nil when all went well. Its context
	// ends when no caller waits for the batch any more, or when Close gives up.
	Handle func(ctx context.Context, items []T) []error
	// MaxCount is the most items of a batch, at least 1.
	MaxCount int
	// MaxBytes is the most that a batch's sizes may add up to; 0 is no limit. An item larger than that goes alone.
	MaxBytes int
	// Size measures an item; needed where MaxBytes is set.
	Size func(T) int
	// InFlight is how many full batches may be under way at once, at least 1.
	InFlight int
	// Eager is how many batches may be under way for one that is not full to go at once, instead of waiting for one
	// of them to end. It is at least 1 and at most InFlight.
	Eager int
	// Linger makes a batch that is not full wait this long for more, counted from its first item. It suits what nobody
	// waits for, such as acknowledgements; with 0 a batch goes by Eager alone.
	Linger time.Duration
}

// A Batcher gathers items into batches. Make one with [New]; it is safe for concurrent use, and has a goroutine only
// while a batch is under way.
type Batcher[T any] struct {
	cfg     Config[T]
	base    context.Context
	abandon context.CancelFunc

	mu      sync.Mutex
	pending []*entry[T] // in order of arrival; settled ones are skipped
	flights map[*flight[T]]struct{}
	filling bool        // a batch that is not full is about to go
	timer   *time.Timer // runs while a batch lingers
	closed  bool
	idle    chan struct{} // closed when a closed batcher has nothing left
}

// New returns a batcher.
func New[T any](cfg Config[T]) *Batcher[T] {
	cfg.MaxCount = max(cfg.MaxCount, 1)
	cfg.InFlight = max(cfg.InFlight, 1)
	cfg.Eager = min(max(cfg.Eager, 1), cfg.InFlight)
	base, abandon := context.WithCancel(context.Background())
	return &Batcher[T]{cfg: cfg, base: base, abandon: abandon, flights: map[*flight[T]]struct{}{}, idle: make(chan struct{})}
}

// entry is one item with whoever waits for it.
type entry[T any] struct {
	item    T
	size    int
	arrived time.Time
	settled atomic.Bool
	done    func(error)
	flight  *flight[T] // guarded by Batcher.mu; nil while pending
}

// settle tells the waiter once; later answers are dropped.
func (e *entry[T]) settle(err error) bool {
	if !e.settled.CompareAndSwap(false, true) {
		return false
	}
	if e.done != nil {
		e.done(err)
	}
	return true
}

// flight is one batch under way.
type flight[T any] struct {
	entries []*entry[T]
	waiting int // guarded by Batcher.mu; how many of its callers still wait
	cancel  context.CancelFunc
}

// Do adds one item and waits until its batch was handled. When ctx ends first it returns ctx's cause: an item that was
// still pending is dropped, one that is under way may yet succeed, and then the error is [ErrUnderWay] as well.
func (b *Batcher[T]) Do(ctx context.Context, item T) error {
	answer := make(chan error, 1)
	e := b.entry(item, func(err error) { answer <- err })
	if err := b.add(ctx, e); err != nil {
		return err
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		b.leave(e, context.Cause(ctx))
		return <-answer
	}
}

// DoAll adds items together and waits for all of them, as Do does for one. It returns nil when all went well, otherwise
// an error for each item in order.
func (b *Batcher[T]) DoAll(ctx context.Context, items []T) []error {
	if len(items) == 0 {
		return nil
	}
	var (
		errs   = make([]error, len(items))
		failed atomic.Bool
		left   atomic.Int64
		all    = make(chan struct{})
	)
	left.Store(int64(len(items)))
	entries := make([]*entry[T], len(items))
	for i, item := range items {
		entries[i] = b.entry(item, func(err error) {
			if err != nil {
				errs[i] = err
				failed.Store(true)
			}
			if left.Add(-1) == 0 {
				close(all)
			}
		})
	}
	if err := b.add(ctx, entries...); err != nil {
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	select {
	case <-all:
	case <-ctx.Done():
		for _, e := range entries {
			b.leave(e, context.Cause(ctx))
		}
		<-all
	}
	if !failed.Load() {
		return nil
	}
	return errs
}

// Go adds one item without waiting; done, unless it is nil, is called once with the outcome, from another goroutine. It
// must not block. On a closed batcher done gets [ErrClosed] before Go returns.
func (b *Batcher[T]) Go(item T, done func(error)) {
	e := b.entry(item, done)
	if err := b.add(context.Background(), e); err != nil {
		e.settle(err)
	}
}

func (b *Batcher[T]) entry(item T, done func(error)) *entry[T] {
	e := &entry[T]{item: item, done: done}
	if b.cfg.Size != nil {
		e.size = b.cfg.Size(item)
	}
	return e
}

func (b *Batcher[T]) add(ctx context.Context, entries ...*entry[T]) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return ErrClosed
	}
	if b.cfg.Linger > 0 {
		now := time.Now()
		for _, e := range entries {
			e.arrived = now
		}
	}
	b.pending = append(b.pending, entries...)
	b.launch()
	return nil
}

// leave settles an entry whose caller waits no longer, and ends a batch that nobody waits for.
func (b *Batcher[T]) leave(e *entry[T], err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e.flight != nil {
		err = fmt.Errorf("%w: %w", ErrUnderWay, err)
	}
	if !e.settle(err) {
		return
	}
	if e.flight == nil {
		b.drop()
		return
	}
	e.flight.waiting--
	if e.flight.waiting == 0 {
		e.flight.cancel()
	}
}

// drop forgets settled entries at the head of the queue, and tells Close when nothing is left.
func (b *Batcher[T]) drop() {
	n := 0
	for n < len(b.pending) && b.pending[n].settled.Load() {
		b.pending[n] = nil
		n++
	}
	b.pending = b.pending[n:]
	b.tellIdle()
}

// launch starts as many batches as the limits allow. The caller holds mu.
func (b *Batcher[T]) launch() {
	for len(b.flights) < b.cfg.InFlight {
		b.drop()
		n, full := b.next()
		if n == 0 {
			return
		}
		if !full && !b.closed {
			if wait := b.lingerLeft(); wait > 0 {
				b.arm(wait)
				return
			}
			if len(b.flights) >= b.cfg.Eager || b.filling {
				return
			}
			b.filling = true
			go b.fill()
			return
		}
		b.start(n)
	}
}

// fill starts a batch that is not full, after it has let whoever is ready to run add to it: callers that were answered
// together come back together, and the first of them would go alone. It costs a lone caller about a microsecond.
func (b *Batcher[T]) fill() {
	runtime.Gosched()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.filling = false
	b.drop()
	if n, _ := b.next(); n > 0 && len(b.flights) < b.cfg.InFlight {
		b.start(n)
	}
	b.launch()
	b.tellIdle()
}

// next counts how many pending entries the next batch takes, and tells whether it has room for no more.
func (b *Batcher[T]) next() (n int, full bool) {
	count, bytes := 0, 0
	for i, e := range b.pending {
		if e.settled.Load() {
			continue
		}
		if count == b.cfg.MaxCount || (count > 0 && b.cfg.MaxBytes > 0 && bytes+e.size > b.cfg.MaxBytes) {
			return i, true
		}
		count++
		bytes += e.size
	}
	return len(b.pending), count == b.cfg.MaxCount
}

func (b *Batcher[T]) lingerLeft() time.Duration {
	if b.cfg.Linger == 0 {
		return 0
	}
	return b.cfg.Linger - time.Since(b.pending[0].arrived)
}

// arm makes launch run again when the first pending entry has waited long enough.
func (b *Batcher[T]) arm(wait time.Duration) {
	if b.timer != nil {
		return
	}
	b.timer = time.AfterFunc(wait, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.timer = nil
		b.launch()
	})
}

// start takes n pending entries and handles them in a goroutine of their own.
func (b *Batcher[T]) start(n int) {
	ctx, cancel := context.WithCancel(b.base)
	f := &flight[T]{cancel: cancel, entries: make([]*entry[T], 0, min(n, b.cfg.MaxCount))}
	for i, e := range b.pending[:n] {
		b.pending[i] = nil
		if !e.settled.Load() {
			e.flight = f
			f.entries = append(f.entries, e)
		}
	}
	b.pending = b.pending[n:]
	if len(b.pending) == 0 {
		b.pending = nil // lets go of the array of a burst
	}
	f.waiting = len(f.entries)
	b.flights[f] = struct{}{}
	go b.fly(ctx, f)
}

func (b *Batcher[T]) fly(ctx context.Context, f *flight[T]) {
	defer f.cancel()
	deepstack.Grow() // what handles a batch makes a request
	items := make([]T, len(f.entries))
	for i, e := range f.entries {
		items[i] = e.item
	}
	errs := b.handle(ctx, items)
	for i, e := range f.entries {
		var err error
		if errs != nil {
			err = errs[i]
		}
		e.settle(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.flights, f)
	b.launch()
	b.tellIdle()
}

// handle calls Handle and makes sure that each item has an answer.
func (b *Batcher[T]) handle(ctx context.Context, items []T) (errs []error) {
	all := func(err error) []error {
		errs := make([]error, len(items))
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	defer func() {
		if p := recover(); p != nil {
			errs = all(fmt.Errorf("batch handler panicked: %v", p))
		}
	}()
	errs = b.cfg.Handle(ctx, items)
	if errs != nil && len(errs) != len(items) {
		errs = all(fmt.Errorf("batch handler returned %d errors for %d items", len(errs), len(items)))
	}
	return errs
}

// Close refuses further items, sends what is pending at once, and waits until all is handled. When ctx ends first, what
// is left gets [ErrClosed] and Close returns ctx's cause without waiting for handlers that do not return.
func (b *Batcher[T]) Close(ctx context.Context) error {
	b.mu.Lock()
	b.closed = true
	if b.timer != nil {
		b.timer.Stop()
		b.timer = nil
	}
	b.launch()
	b.tellIdle()
	b.mu.Unlock()
	defer b.abandon()

	select {
	case <-b.idle:
		return nil
	case <-ctx.Done():
	}
	pending, underWay := b.unsettled()
	for _, e := range pending {
		e.settle(ErrClosed)
	}
	for _, e := range underWay {
		e.settle(fmt.Errorf("%w: %w", ErrUnderWay, ErrClosed))
	}
	return context.Cause(ctx)
}

// unsettled takes the pending entries, and lists those under way.
func (b *Batcher[T]) unsettled() (pending, underWay []*entry[T]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	pending, b.pending = b.pending, nil
	for f := range b.flights {
		underWay = append(underWay, f.entries...)
	}
	return pending, underWay
}

// tellIdle lets Close return once nothing is left. The caller holds mu.
func (b *Batcher[T]) tellIdle() {
	if !b.closed || len(b.pending) > 0 || len(b.flights) > 0 || b.filling {
		return
	}
	select {
	case <-b.idle:
	default:
		close(b.idle)
	}
}
