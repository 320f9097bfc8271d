package batch_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/coretasks/core/internal/batch"
)

// recorder is a handler that takes a fixed time and remembers its batches.
type recorder struct {
	took time.Duration

	mu      sync.Mutex
	batches [][]int
}

func (r *recorder) handle(ctx context.Context, items []int) []error {
	r.mu.Lock()
	r.batches = append(r.batches, items)
	r.mu.Unlock()
	select {
	case <-time.After(r.took):
		return nil
	case <-ctx.Done():
		errs := make([]error, len(items))
		for i := range errs {
			errs[i] = ctx.Err()
		}
		return errs
	}
}

func (r *recorder) sizes() []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	sizes := make([]int, len(r.batches))
	for i, b := range r.batches {
		sizes[i] = len(b)
	}
	return sizes
}

func TestALoneItemGoesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{took: 10 * time.Millisecond}
		b := batch.New(batch.Config[int]{Handle: r.handle, MaxCount: 10, InFlight: 4, Eager: 2})
		start := time.Now()
		if err := b.Do(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != r.took {
			t.Errorf("took %v, want the handler's %v and no wait", took, r.took)
		}
	})
}

func TestItemsShareABatchWhileOthersAreUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{took: 10 * time.Millisecond}
		b := batch.New(batch.Config[int]{Handle: r.handle, MaxCount: 10, InFlight: 4, Eager: 1})
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				if err := b.Do(t.Context(), i); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		wg.Wait()
		if got := fmt.Sprint(r.sizes()); got != "[1 7]" {
			t.Errorf("batch sizes %v, want [1 7]", got)
		}
	})
}

func TestFullBatchesDoNotWaitForEager(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{took: time.Second}
		b := batch.New(batch.Config[int]{Handle: r.handle, MaxCount: 10, InFlight: 3, Eager: 1})
		start := time.Now()
		if errs := b.DoAll(t.Context(), make([]int, 60)); errs != nil {
			t.Fatal(errs)
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("60 items took %v, want two rounds of three batches", took)
		}
		if got := fmt.Sprint(r.sizes()); got != "[10 10 10 10 10 10]" {
			t.Errorf("batch sizes %v", got)
		}
	})
}

func TestBytesBoundABatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		b := batch.New(batch.Config[int]{Handle: r.handle, MaxCount: 10, MaxBytes: 100, Size: func(n int) int { return n }, InFlight: 1})
		if errs := b.DoAll(t.Context(), []int{60, 30, 10, 1, 100, 250, 50, 50}); errs != nil {
			t.Fatal(errs)
		}
		if got := fmt.Sprint(r.batches); got != "[[60 30 10] [1] [100] [250] [50 50]]" {
			t.Errorf("batches %v", got)
		}
	})
}

func TestLingerWaitsForMoreButNotForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		b := batch.New(batch.Config[int]{Handle: r.handle, MaxCount: 3, InFlight: 2, Eager: 2, Linger: 20 * time.Millisecond})
		start := time.Now()
		var took [4]time.Duration
		for i := range took {
			b.Go(i, func(error) { took[i] = time.Since(start) })
		}
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if got := fmt.Sprint(took); got != "[0s 0s 0s 20ms]" {
			t.Errorf("items were handled after %v: a full batch goes at once, the rest after the linger", got)
		}
	})
}

func TestACallerThatLeavesHarmsNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{took: 10 * time.Second}
		b := batch.New(batch.Config[int]{Handle: r.handle, MaxCount: 2, InFlight: 1})
		why := errors.New("impatient")
		var leaves, stays error
		go func() {
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, why)
			defer cancel()
			leaves = b.Do(ctx, 1)
		}()
		synctest.Wait()
		go func() { stays = b.Do(t.Context(), 2) }()
		synctest.Wait()
		time.Sleep(time.Minute)
		synctest.Wait()
		if !errors.Is(leaves, why) {
			t.Errorf("the caller that left got %v, want its own cause", leaves)
		}
		if stays != nil {
			t.Errorf("the caller that stayed got %v", stays)
		}
	})
}

func TestABatchThatNobodyWaitsForIsCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{took: time.Hour}
		b := batch.New(batch.Config[int]{Handle: r.handle, MaxCount: 2, InFlight: 1})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if errs := b.DoAll(ctx, []int{1, 2, 3}); len(errs) != 3 || errs[2] == nil {
			t.Errorf("errors %v, want one for each", errs)
		}
		start := time.Now()
		if err := b.Close(t.Context()); err != nil || time.Since(start) > 0 {
			t.Errorf("Close waited %v for a batch that nobody wants: %v", time.Since(start), err)
		}
	})
}

func TestABadHandlerGivesErrorsNotPanics(t *testing.T) {
	t.Parallel()
	for name, handle := range map[string]func(context.Context, []int) []error{
		"panics":            func(context.Context, []int) []error { panic("boom") },
		"too few errors":    func(context.Context, []int) []error { return []error{errors.New("one")} },
		"too many, all nil": func(context.Context, []int) []error { return make([]error, 9) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := batch.New(batch.Config[int]{Handle: handle, MaxCount: 2})
			for i, err := range b.DoAll(t.Context(), []int{1, 2}) {
				if err == nil {
					t.Errorf("item %d has no error", i)
				}
			}
		})
	}
}

func TestCloseReturnsThoughAHandlerHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		b := batch.New(batch.Config[int]{MaxCount: 1, InFlight: 1, Handle: func(context.Context, []int) []error {
			<-hang
			return nil
		}})
		var first, second error
		b.Go(1, func(err error) { first = err })
		b.Go(2, func(err error) { second = err })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close returned %v, want the deadline's error", err)
		}
		if !errors.Is(first, batch.ErrClosed) || !errors.Is(second, batch.ErrClosed) {
			t.Errorf("what was left got %v and %v, want ErrClosed", first, second)
		}
		if err := b.Do(t.Context(), 3); !errors.Is(err, batch.ErrClosed) {
			t.Errorf("Do after Close returned %v, want ErrClosed", err)
		}
		close(hang)
	})
}

// TestProperties checks, over random items, sizes, failures, patience and close times: each item is handled at most once
// and answered exactly once, with its own error; no batch breaks a limit; Close always returns, and after it nothing is
// handled.
func TestProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		plan := drawPlan(rt)
		synctest.Test(t, func(*testing.T) { plan.run(rt) })
	})
}

type item struct {
	id, size int
	fails    bool
}

type plan struct {
	cfg      batch.Config[item]
	took     []time.Duration // of the handler, in turn
	groups   [][]item        // each added by one caller
	starts   []time.Duration // when each caller calls
	patience []time.Duration // 0 is endless
	closeAt  time.Duration
	closeFor time.Duration
}

func drawPlan(rt *rapid.T) *plan {
	ms := func(label string, most int) time.Duration {
		return time.Duration(rapid.IntRange(0, most).Draw(rt, label)) * time.Millisecond
	}
	p := &plan{
		cfg: batch.Config[item]{
			MaxCount: rapid.IntRange(1, 12).Draw(rt, "count"),
			MaxBytes: rapid.SampledFrom([]int{0, 50, 100}).Draw(rt, "bytes"),
			InFlight: rapid.IntRange(1, 5).Draw(rt, "inflight"),
			Eager:    rapid.IntRange(1, 5).Draw(rt, "eager"),
			Linger:   ms("linger", 20),
			Size:     func(i item) int { return i.size },
		},
		closeAt:  ms("close at", 200),
		closeFor: ms("close for", 300) + time.Millisecond,
	}
	for range rapid.IntRange(1, 5).Draw(rt, "handlers") {
		p.took = append(p.took, ms("took", 80))
	}
	id := 0
	for range rapid.IntRange(1, 25).Draw(rt, "callers") {
		var group []item
		for range rapid.IntRange(1, 15).Draw(rt, "items") {
			group = append(group, item{id: id, size: rapid.IntRange(1, 60).Draw(rt, "size"), fails: rapid.Bool().Draw(rt, "fails")})
			id++
		}
		p.groups = append(p.groups, group)
		p.starts = append(p.starts, ms("start", 150))
		p.patience = append(p.patience, ms("patience", 60))
	}
	return p
}

type itemError int

func (e itemError) Error() string { return fmt.Sprintf("item %d failed", int(e)) }

func (p *plan) run(rt *rapid.T) {
	var (
		mu       sync.Mutex
		handled  = map[int]int{}
		problems []string
		flying   atomic.Int32
		calls    atomic.Int32
		closed   atomic.Int64 // the time, once Close has returned
	)
	problem := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		problems = append(problems, fmt.Sprintf(format, args...))
	}
	p.cfg.Handle = func(ctx context.Context, items []item) []error {
		if n := int(flying.Add(1)); n > p.cfg.InFlight {
			problem("%d batches at once, limit %d", n, p.cfg.InFlight)
		}
		defer flying.Add(-1)
		if at := closed.Load(); at > 0 && time.Now().UnixNano() > at {
			problem("handled after Close")
		}
		bytes, errs := 0, make([]error, len(items))
		for i, it := range items {
			bytes += it.size
			mu.Lock()
			handled[it.id]++
			mu.Unlock()
			if it.fails {
				errs[i] = itemError(it.id)
			}
		}
		if len(items) > p.cfg.MaxCount || p.cfg.MaxBytes > 0 && len(items) > 1 && bytes > p.cfg.MaxBytes {
			problem("a batch of %d items and %d bytes", len(items), bytes)
		}
		select {
		case <-time.After(p.took[int(calls.Add(1))%len(p.took)]):
		case <-ctx.Done():
		}
		return errs
	}
	b := batch.New(p.cfg)
	impatient := errors.New("impatient")
	check := func(it item, err error) {
		mu.Lock()
		times := handled[it.id]
		mu.Unlock()
		var own itemError
		switch {
		case times > 1:
			problem("item %d was handled %d times", it.id, times)
		case err == nil && (times == 0 || it.fails):
			problem("item %d: no error, handled %d times, fails %v", it.id, times, it.fails)
		case errors.As(err, &own) && (int(own) != it.id || !it.fails):
			problem("item %d got the error of %d", it.id, int(own))
		case err != nil && !errors.As(err, &own) && !errors.Is(err, impatient) && !errors.Is(err, batch.ErrClosed):
			problem("item %d got %v", it.id, err)
		}
	}
	var callers sync.WaitGroup
	for i, group := range p.groups {
		callers.Go(func() {
			time.Sleep(p.starts[i])
			ctx := context.Background()
			if p.patience[i] > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeoutCause(ctx, p.patience[i], impatient)
				defer cancel()
			}
			if len(group) == 1 {
				check(group[0], b.Do(ctx, group[0]))
				return
			}
			errs := b.DoAll(ctx, group)
			for k, it := range group {
				var err error
				if errs != nil {
					err = errs[k]
				}
				check(it, err)
			}
		})
	}
	time.Sleep(p.closeAt)
	ctx, cancel := context.WithTimeout(context.Background(), p.closeFor)
	defer cancel()
	before := time.Now()
	err := b.Close(ctx)
	if waited := time.Since(before); waited > p.closeFor {
		problem("Close took %v of %v", waited, p.closeFor)
	}
	closed.Store(time.Now().UnixNano())
	callers.Wait() // a caller that is never answered would deadlock here, and synctest say so
	if err == nil && flying.Load() > 0 {
		problem("Close returned nil with %d batches under way", flying.Load())
	}
	time.Sleep(time.Second)
	synctest.Wait()
	for _, text := range problems {
		rt.Error(text)
	}
}

func BenchmarkDo(b *testing.B) {
	bt := batch.New(batch.Config[int]{
		MaxCount: 10, InFlight: 64, Eager: 2,
		Handle: func(context.Context, []int) []error { return nil },
	})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := bt.Do(context.Background(), 1); err != nil {
				b.Error(err)
			}
		}
	})
}
