package sqsqueue_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

var (
	number = tasks.Define("number", func(context.Context, int) (int, error) { return 0, nil })
	text   = tasks.Define("text", func(context.Context, string) (int, error) { return 0, nil })
)

// numbers delays 0 to n-1 from as many goroutines, and returns their errors.
func numbers(e *env, n int) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { _, errs[i] = number.Delay(e.Context(), e.client, i) })
	}
	wg.Wait()
	return errs
}

// slow makes each send take a second.
func slow(ctx context.Context, _ *sqs.SendMessageBatchInput, next func(context.Context) (*sqs.SendMessageBatchOutput, error)) (*sqs.SendMessageBatchOutput, error) {
	select {
	case <-time.After(time.Second):
		return next(ctx)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// failing answers for the entry of a job: the others are sent.
func failing(fault types.BatchResultErrorEntry, has string, times int) hook[sqs.SendMessageBatchInput, sqs.SendMessageBatchOutput] {
	var mu sync.Mutex
	return func(ctx context.Context, in *sqs.SendMessageBatchInput, next func(context.Context) (*sqs.SendMessageBatchOutput, error)) (*sqs.SendMessageBatchOutput, error) {
		mu.Lock()
		defer mu.Unlock()
		for i, entry := range in.Entries {
			if times > 0 && strings.Contains(*entry.MessageBody, has) {
				times--
				fault.Id = entry.Id
				in.Entries = append(append([]types.SendMessageBatchRequestEntry(nil), in.Entries[:i]...), in.Entries[i+1:]...)
				out := &sqs.SendMessageBatchOutput{}
				if len(in.Entries) > 0 {
					var err error
					if out, err = next(ctx); err != nil {
						return nil, err
					}
				}
				out.Failed = append(out.Failed, fault)
				return out, nil
			}
		}
		return next(ctx)
	}
}

func TestLoneSendGoesAtOnce(t *testing.T) {
	bubble(t, func(e *env) {
		e.apply(number)
		start := time.Now()
		job, err := number.Delay(e.Context(), e.client, 7)
		if err != nil || job.Queue != "default" {
			e.Fatalf("%+v, %v", job, err)
		}
		if took := time.Since(start); took > 0 {
			e.Errorf("it waited %v for company", took)
		}
		if n := e.api.count("send", ""); n != 1 {
			e.Errorf("%d requests", n)
		}
		e.wantDepth("default", 1, 0)
	})
}

func TestPartialSendsSetsTheTrade(t *testing.T) {
	for partial, want := range map[int]int{1: 2, 0: 3, 8: 8} { // 8 jobs, one after the other while the first is under way
		t.Run(strconv.Itoa(partial), func(t *testing.T) {
			bubble(t, func(e *env) {
				e.apply(number)
				e.api.send = slow
				e.client = e.newClient(sqsqueue.Config{PartialSends: partial})
				var wg sync.WaitGroup
				for i := range 8 {
					wg.Go(func() {
						if _, err := number.Delay(e.Context(), e.client, i); err != nil {
							e.Error(err)
						}
					})
					synctest.Wait()
				}
				wg.Wait()
				if n := e.api.count("send", ""); n != want {
					e.Errorf("%d requests for 8 jobs, want %d", n, want)
				}
			})
		})
	}
	if _, err := sqsqueue.New(nil, sqsqueue.Config{PartialSends: -1}); err == nil {
		t.Error("a negative number was accepted")
	}
}

func TestConcurrentSendsShareRequests(t *testing.T) {
	bubble(t, func(e *env) {
		e.apply(number)
		e.api.send = slow
		start := time.Now()
		for i, err := range numbers(e, 100) {
			if err != nil {
				e.Errorf("job %d: %v", i, err)
			}
		}
		if took := time.Since(start); took > 2*time.Second {
			e.Errorf("took %v, want no more than two requests' time", took)
		}
		// A few go out early, the others meanwhile by tens.
		if n := e.api.count("send", ""); n > 15 {
			e.Errorf("%d requests for 100 jobs", n)
		}
		e.wantDepth("default", 100, 0)
	})
}

func TestSendEntryFailures(t *testing.T) {
	t.Parallel()
	const third = `"params":3,`
	tests := []struct {
		name     string
		fault    types.BatchResultErrorEntry
		times    int
		fails    bool
		requests int // for the entry that fails
	}{
		{"the sender's fault is final", types.BatchResultErrorEntry{Code: aws.String("InvalidMessageContents"), Message: aws.String("no"), SenderFault: true}, 9, true, 1},
		{"a passing fault is repeated", types.BatchResultErrorEntry{Code: aws.String("InternalError")}, 2, false, 3},
		{"a lasting fault is told in the end", types.BatchResultErrorEntry{Code: aws.String("InternalError")}, 9, true, 4},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(e *env) {
				e.apply(number)
				fail := failing(test.fault, third, test.times)
				tried := 0
				e.api.send = func(ctx context.Context, in *sqs.SendMessageBatchInput, next func(context.Context) (*sqs.SendMessageBatchOutput, error)) (*sqs.SendMessageBatchOutput, error) {
					for _, entry := range in.Entries {
						if strings.Contains(*entry.MessageBody, third) {
							tried++
						}
					}
					return fail(ctx, in, next)
				}
				start := time.Now()
				params := []int{0, 1, 2, 3, 4}
				_, err := number.DelayMany(e.Context(), e.client, params)
				if tried != test.requests {
					e.Errorf("sent %d times, want %d", tried, test.requests)
				}
				if !test.fails {
					if err != nil {
						e.Error(err)
					}
					e.wantDepth("default", 5, 0)
					return
				}
				bulk, ok := errors.AsType[*tasks.BulkError](err)
				if !ok || len(bulk.Items) != 1 || !bulk.Failed(3) {
					e.Fatalf("%v, want job 3 alone to fail", err)
				}
				if text := err.Error(); !strings.Contains(text, *test.fault.Code) || !isQueueError(err, "send") {
					e.Errorf("error %q names neither code nor queue", text)
				}
				if test.fault.SenderFault && time.Since(start) > 0 {
					e.Errorf("waited %v in vain", time.Since(start))
				}
				e.wantDepth("default", 4, 0)
			})
		})
	}
}

// An entry that SQS must be asked for again does not hold up the callers whose entries it took in the same batch.
func TestSendRepeatsAlone(t *testing.T) {
	bubble(t, func(e *env) {
		e.apply(number)
		numbers(e, 2) // occupies nothing, makes the URL known
		release := make(chan struct{})
		fail := failing(types.BatchResultErrorEntry{Code: aws.String("InternalError")}, `"params":3,`, 3)
		e.api.send = func(ctx context.Context, in *sqs.SendMessageBatchInput, next func(context.Context) (*sqs.SendMessageBatchOutput, error)) (*sqs.SendMessageBatchOutput, error) {
			<-release
			return fail(ctx, in, next)
		}
		var took [8]time.Duration
		var wg sync.WaitGroup
		start := time.Now()
		for i := range took {
			wg.Go(func() {
				if _, err := number.Delay(e.Context(), e.client, i); err != nil {
					e.Errorf("job %d: %v", i, err)
				}
				took[i] = time.Since(start)
			})
		}
		synctest.Wait()
		close(release)
		wg.Wait()
		for i, d := range took {
			if waited := d > 0; waited != (i == 3) {
				e.Errorf("job %d took %v; only job 3 has to wait", i, d)
			}
		}
	})
}

func TestSendRequestFailures(t *testing.T) {
	t.Parallel()
	t.Run("the request fails for all of its jobs", func(t *testing.T) {
		bubble(t, func(e *env) {
			e.apply(number)
			e.api.send = refuse
			_, err := number.DelayMany(e.Context(), e.client, make([]int, 5))
			bulk, ok := errors.AsType[*tasks.BulkError](err)
			if !ok || len(bulk.Items) != 5 {
				e.Fatalf("%v, want all 5 to fail", err)
			}
			for _, item := range bulk.Items {
				if !isQueueError(item.Err, "send") {
					e.Errorf("%v", item.Err)
				}
			}
		})
	})
	// A proxy may answer anything with an empty success.
	t.Run("an answer that does not name an entry is no acceptance", func(t *testing.T) {
		bubble(t, func(e *env) {
			e.apply(number)
			e.api.send = func(context.Context, *sqs.SendMessageBatchInput, func(context.Context) (*sqs.SendMessageBatchOutput, error)) (*sqs.SendMessageBatchOutput, error) {
				return &sqs.SendMessageBatchOutput{}, nil
			}
			if _, err := number.Delay(e.Context(), e.client, 1); !errors.Is(err, sqsqueue.ErrNotSQS) {
				e.Errorf("%v, want ErrNotSQS", err)
			}
		})
	})
	t.Run("a caller who leaves gets its own error and harms nobody", func(t *testing.T) {
		bubble(t, func(e *env) {
			e.apply(number)
			e.api.send = slow
			gone := errors.New("the user has gone")
			ctx, cancel := context.WithCancelCause(e.Context())
			time.AfterFunc(500*time.Millisecond, func() { cancel(gone) })
			var left error
			var wg sync.WaitGroup
			for range sqsqueue.DefaultPartialSends { // so many go out alone
				wg.Go(func() {
					if _, err := number.Delay(e.Context(), e.client, 0); err != nil {
						e.Error(err)
					}
				})
				synctest.Wait() // or the two would share a request
			}
			wg.Go(func() { _, left = number.Delay(ctx, e.client, 1) })
			wg.Go(func() {
				if _, err := number.Delay(e.Context(), e.client, 2); err != nil {
					e.Error(err)
				}
			})
			wg.Wait()
			if !errors.Is(left, gone) || !isQueueError(left, "send") {
				e.Errorf("%v, want the context's cause", left)
			}
			e.wantDepth("default", sqsqueue.DefaultPartialSends+1, 0)
		})
	})
	t.Run("a missing queue is found once it exists", func(t *testing.T) {
		bubble(t, func(e *env) {
			if _, err := number.Delay(e.Context(), e.client, 1); !errors.Is(err, sqsqueue.ErrQueueMissing) {
				e.Fatalf("%v, want ErrQueueMissing", err)
			}
			e.apply(number)
			if _, err := number.Delay(e.Context(), e.client, 1); err != nil {
				e.Fatal(err)
			}
			if _, err := e.em.DeleteQueue(e.Context(), &sqs.DeleteQueueInput{QueueUrl: e.queueURL("default")}); err != nil {
				e.Fatal(err)
			}
			asked := e.api.count("url", "default")
			if _, err := number.Delay(e.Context(), e.client, 1); !errors.Is(err, sqsqueue.ErrQueueMissing) {
				e.Fatalf("%v, want ErrQueueMissing", err)
			}
			if _, err := number.Delay(e.Context(), e.client, 1); !errors.Is(err, sqsqueue.ErrQueueMissing) {
				e.Fatalf("%v, want ErrQueueMissing", err)
			}
			if e.api.count("url", "default") == asked {
				e.Error("the URL of a queue that is gone was not forgotten")
			}
			e.apply(number)
			if _, err := number.Delay(e.Context(), e.client, 1); err != nil {
				e.Error(err)
			}
		})
	})
}

func TestCloseFlushesAndRefuses(t *testing.T) {
	bubble(t, func(e *env) {
		e.apply(number)
		e.api.send = slow
		errs := make(chan error, 20)
		for i := range 20 {
			go func() {
				_, err := number.Delay(e.Context(), e.client, i)
				errs <- err
			}()
		}
		synctest.Wait()
		if err := e.client.Close(e.Context()); err != nil {
			e.Error(err)
		}
		e.wantDepth("default", 20, 0)
		for range 20 {
			if err := <-errs; err != nil {
				e.Error(err)
			}
		}
		if _, err := number.Delay(e.Context(), e.client, 0); !errors.Is(err, sqsqueue.ErrClosed) || !isQueueError(err, "send") {
			e.Errorf("%v, want ErrClosed", err)
		}
		if _, err := number.DelayMany(e.Context(), e.client, []int{1, 2}); !errors.Is(err, sqsqueue.ErrClosed) {
			e.Errorf("%v, want ErrClosed", err)
		}
		unused := tasks.Define("unused", func(context.Context, int) (int, error) { return 0, nil }, tasks.Queue("unused"))
		if _, err := unused.Delay(e.Context(), e.client, 0); !errors.Is(err, sqsqueue.ErrClosed) {
			e.Errorf("on a queue that was not used before: %v, want ErrClosed", err)
		}
	})
}

func TestCloseGivesUpWithItsContext(t *testing.T) {
	bubble(t, func(e *env) {
		e.apply(number)
		e.api.send = func(ctx context.Context, _ *sqs.SendMessageBatchInput, _ func(context.Context) (*sqs.SendMessageBatchOutput, error)) (*sqs.SendMessageBatchOutput, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		sent := make(chan error)
		go func() {
			_, err := number.Delay(e.Context(), e.client, 1)
			sent <- err
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(e.Context(), time.Minute)
		defer cancel()
		if err := e.client.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || !isQueueError(err, "close") {
			e.Errorf("%v, want the deadline", err)
		}
		if err := <-sent; !errors.Is(err, sqsqueue.ErrClosed) {
			e.Errorf("%v, want ErrClosed", err)
		}
	})
}

func TestLargestJob(t *testing.T) {
	bubble(t, func(e *env) {
		e.apply(text)
		_, err := text.Delay(e.Context(), e.client, strings.Repeat("x", 1<<20))
		tooLarge, ok := errors.AsType[*sqsqueue.TooLargeError](err)
		if !ok || tooLarge.Limit != 1<<20-2<<10 {
			e.Fatalf("%v, want a TooLargeError", err)
		}
		fits := 1<<20 - (tooLarge.Size - tooLarge.Limit)
		if _, err := text.Delay(e.Context(), e.client, strings.Repeat("x", fits)); err != nil {
			e.Errorf("at the limit: %v", err)
		}
		_, err = text.Delay(e.Context(), e.client, strings.Repeat("x", fits+1))
		if over, ok := errors.AsType[*sqsqueue.TooLargeError](err); !ok || over.Size != over.Limit+1 {
			e.Errorf("one more: %v", err)
		}
		if n := e.api.count("send", ""); n != 1 {
			e.Errorf("%d requests, want one", n)
		}
	})
}

func TestWhatTheEnvelopeCarries(t *testing.T) {
	t.Parallel()
	t.Run("characters that SQS refuses", func(t *testing.T) {
		bubble(t, func(e *env) {
			e.apply(text)
			const odd = "\x00\x01\x1f\uFFFE\uFFFF\u2028<&>\U0010FFFF"
			if _, err := text.Delay(e.Context(), e.client, odd); err != nil {
				e.Error(err)
			}
		})
	})
	t.Run("not_before, where the countdown is longer than SQS's delay", func(t *testing.T) {
		bubble(t, func(e *env) {
			e.apply(number)
			for _, countdown := range []time.Duration{15 * time.Minute, 15*time.Minute + time.Second, 400 * 24 * time.Hour / 2} {
				if _, err := number.Delay(e.Context(), e.client, 1, tasks.Countdown(countdown)); err != nil {
					e.Fatal(err)
				}
				sent := time.Now()
				time.Sleep(15*time.Minute - time.Second)
				if got := e.takeAll("default"); len(got) != 0 {
					e.Fatalf("countdown %v: visible after %v", countdown, time.Since(sent))
				}
				time.Sleep(time.Second)
				got := e.takeAll("default")
				if len(got) != 1 {
					e.Fatalf("countdown %v: %d messages", countdown, len(got))
				}
				env, err := tasks.DecodeEnvelope([]byte(*got[0].Body))
				var want time.Time
				if countdown > 15*time.Minute {
					want = sent.Add(countdown)
				}
				if err != nil || !env.NotBefore.Equal(want) {
					e.Errorf("countdown %v: not before %v (%v), want %v", countdown, env.NotBefore, err, want)
				}
			}
		})
	})
	t.Run("no trace where that panics", func(t *testing.T) {
		bubble(t, func(e *env) {
			e.client = e.newClient(sqsqueue.Config{Trace: func(context.Context) map[string]string { panic("no span") }})
			e.apply(number)
			if _, err := number.Delay(e.Context(), e.client, 1); err != nil {
				e.Fatal(err)
			}
			env, err := tasks.DecodeEnvelope([]byte(*e.takeAll("default")[0].Body))
			if err != nil || env.Trace != nil {
				e.Errorf("trace %v (%v), want none", env.Trace, err)
			}
		})
	})
	t.Run("what a Later that panics leaves", func(t *testing.T) {
		bubble(t, func(e *env) {
			e.client = e.newClient(sqsqueue.Config{Later: brokenLater{}})
			e.apply(number)
			_, err := number.Delay(e.Context(), e.client, 1, tasks.Countdown(time.Hour))
			if _, refused := errors.AsType[*tasks.EnqueueError](err); !refused || !strings.Contains(err.Error(), "panic: no schedules") {
				e.Errorf("Delay: %v, want the panic", err)
			}
		})
	})
	t.Run("the trace of the caller's context", func(t *testing.T) {
		bubble(t, func(e *env) {
			type key struct{}
			e.client = e.newClient(sqsqueue.Config{Trace: func(ctx context.Context) map[string]string {
				return map[string]string{"traceparent": fmt.Sprint(ctx.Value(key{}))}
			}})
			e.apply(number)
			if _, err := number.Delay(context.WithValue(e.Context(), key{}, "00-4bf9-01"), e.client, 1); err != nil {
				e.Fatal(err)
			}
			env, err := tasks.DecodeEnvelope([]byte(*e.takeAll("default")[0].Body))
			if want := map[string]string{"traceparent": "00-4bf9-01"}; err != nil || !maps.Equal(env.Trace, want) {
				e.Errorf("trace %v (%v), want %v", env.Trace, err, want)
			}
		})
	})
}

type brokenLater struct{}

func (brokenLater) Keep(context.Context, sqsqueue.LaterJob) error { panic("no schedules") }
