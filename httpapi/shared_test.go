package httpapi

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/coretasks/core/emulator"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// counting is SQS, and how often its queues' settings were asked for.
type counting struct {
	sqsqueue.API
	asked atomic.Int64
}

func (c *counting) GetQueueAttributes(
	ctx context.Context, in *sqs.GetQueueAttributesInput, opts ...func(*sqs.Options),
) (*sqs.GetQueueAttributesOutput, error) {
	c.asked.Add(1)
	time.Sleep(50 * time.Millisecond) // the way there and back
	return c.API.GetQueueAttributes(ctx, in, opts...)
}

// Ten viewers of ten queues cost what one does, and nobody waits for one queue after another.
func TestManyViewersCostWhatOneDoes(t *testing.T) {
	t.Parallel()
	cost := func(t *testing.T, viewers int) (requests int64) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			em, err := emulator.Open(emulator.Config{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = em.Close() }()
			var all []tasks.Definition
			for _, q := range "abcdefghij" {
				nothing := tasks.NoResult(func(context.Context, struct{}) error { return nil })
				all = append(all, tasks.Define("task-"+string(q), nothing, tasks.Queue(string(q))))
			}
			r := tasks.NewRegistry(all...)
			api := &counting{API: em.SQS()}
			client, err := sqsqueue.New(api, sqsqueue.Config{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := sqsqueue.Apply(t.Context(), client, r); err != nil {
				t.Fatal(err)
			}
			f := newFixture(t, func(c *Config) {
				c.Queues = func(ctx context.Context) ([]sqsqueue.Depth, error) { return sqsqueue.Depths(ctx, client, r) }
			})
			before := api.asked.Load()
			var wg sync.WaitGroup
			for viewer := range viewers {
				wg.Go(func() {
					time.Sleep(time.Duration(viewer) * 37 * time.Millisecond)
					for range 30 { // a minute of a page that asks each two seconds
						begun := time.Now()
						if resp := f.do(request("GET", "/queues", "")); resp.status != http.StatusOK {
							t.Errorf("status %d: %s", resp.status, resp.body)
						}
						if took := time.Since(begun); took > 200*time.Millisecond {
							t.Errorf("a viewer waited %v", took)
						}
						time.Sleep(2 * time.Second)
					}
				})
			}
			wg.Wait()
			requests = api.asked.Load() - before
		})
		return requests
	}
	one, ten := cost(t, 1), cost(t, 10)
	if one > 31*20 || ten > one+2*20 {
		t.Errorf("one viewer costs %d requests in a minute, ten cost %d", one, ten)
	}
}

func TestShared(t *testing.T) {
	t.Parallel()
	errDenied := errors.New("denied")
	synctest.Test(t, func(t *testing.T) {
		s := &shared[int]{keep: time.Second}
		asked := 0
		answer := func(value int, err error, after time.Duration) func(context.Context) (int, error) {
			return func(ctx context.Context) (int, error) {
				asked++
				select {
				case <-time.After(after):
					return value, err
				case <-ctx.Done():
					return 0, context.Cause(ctx)
				}
			}
		}
		want := func(what string, value int, err error, n int) func(int, error) {
			return func(got int, gotErr error) {
				t.Helper()
				if got != value || !errors.Is(gotErr, err) || asked != n {
					t.Errorf("%s: %d, %v, asked %d times; want %d, %v, %d", what, got, gotErr, asked, value, err, n)
				}
			}
		}
		want("the first", 1, nil, 1)(s.get(t.Context(), answer(1, nil, 0)))
		want("soon after", 1, nil, 1)(s.get(t.Context(), answer(2, nil, 0)))
		time.Sleep(time.Second)
		want("later", 0, errDenied, 2)(s.get(t.Context(), answer(0, errDenied, 0)))
		want("after a failure", 0, errDenied, 2)(s.get(t.Context(), answer(3, nil, 0)))
		time.Sleep(time.Second)

		// Who asked has gone; who waits gets the answer, or does not wait longer than its own caller.
		gone, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = s.get(gone, answer(4, nil, 2*time.Second)) })
		synctest.Wait()
		leave()
		wg.Go(func() { want("waiting", 4, nil, 3)(s.get(t.Context(), answer(5, nil, 0))) })
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		want("waiting a second", 0, context.DeadlineExceeded, 3)(s.get(short, answer(6, nil, 0)))
		wg.Wait()
		time.Sleep(time.Second)

		// An answer that does not come is a failure, and so is a panic, which is not kept.
		want("no answer", 0, errNoAnswer, 4)(s.get(t.Context(), answer(7, nil, time.Hour)))
		time.Sleep(time.Second)
		func() {
			defer func() { _ = recover() }()
			_, _ = s.get(t.Context(), func(context.Context) (int, error) { panic("boom") })
		}()
		want("after a panic", 8, nil, 5)(s.get(t.Context(), answer(8, nil, 0)))
	})
}
