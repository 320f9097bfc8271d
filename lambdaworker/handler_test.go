package lambdaworker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/smithy-go"

	"github.com/coretasks/core/lambdaworker"
	"github.com/coretasks/core/tasks"
)

var (
	errTest = errors.New("no luck")

	ok    = tasks.Define("ok", func(context.Context, params) (int, error) { return 1, nil })
	fails = tasks.Define("fails", func(context.Context, params) (int, error) { return 0, errTest }, tasks.MaxRetries(3))
	later = tasks.Define("later", func(context.Context, params) (int, error) { return 0, errTest }, tasks.MaxRetries(3), tasks.RetryDelay(90*time.Second))
	dead  = tasks.Define("dead", func(context.Context, params) (int, error) { return 0, tasks.Permanent(errTest) })
	long  = tasks.Define("long", func(ctx context.Context, p params) (int, error) {
		select {
		case <-time.After(time.Duration(p.N) * time.Second):
			return 0, nil
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}, tasks.MaxRetries(3), tasks.RetryDelay(30*time.Second))
	once = tasks.Define("once", func(ctx context.Context, _ params) (int, error) {
		<-ctx.Done()
		return 0, context.Cause(ctx)
	})
)

func registry() *tasks.Registry { return tasks.NewRegistry(ok, fails, later, dead, long, once) }

func TestSuccessMakesNoRequest(t *testing.T) {
	t.Parallel()
	f := newFunction(t, registry())
	var batch []events.SQSMessage
	for i := range 10 {
		batch = append(batch, job("ok", i))
	}
	f.wantFailed(f.invoke(time.Minute, batch...))
	if n := f.api.requests(); n != 0 {
		t.Errorf("%d requests, want none", n)
	}
}

func TestRetriesAreHiddenForTheirDelay(t *testing.T) {
	t.Parallel()
	f := newFunction(t, registry())
	f.wantFailed(f.invoke(time.Minute, job("ok", 0), job("fails", 1), job("later", 2), job("ok", 3)), "m1", "m2")
	f.wantHidden(0, 90)
	if len(f.api.asked) != 0 {
		t.Errorf("asked for the URLs of %v, which follow from the event's ARN", f.api.asked)
	}
}

func TestDeadLettersGoFirst(t *testing.T) {
	t.Parallel()
	f := newFunction(t, registry())
	f.wantFailed(f.invoke(time.Minute, job("ok", 0), job("dead", 1), record(2, "no envelope")))
	if len(f.api.sent) != 2 {
		t.Fatalf("%d dead letters, want 2", len(f.api.sent))
	}
	for i, to := range f.api.sentTo {
		if to != "https://sqs.eu-central-1.amazonaws.com/123456789012/staging-default-dlq" {
			t.Errorf("sent to %s", to)
		}
		if reason := *f.api.sent[i].MessageAttributes["reason"].StringValue; reason != "permanent" && reason != "malformed" {
			t.Errorf("reason %s", reason)
		}
	}
}

// What can't be carried out is kept, and the log names the permission.
func TestMissingPermissions(t *testing.T) {
	t.Parallel()
	for op, want := range map[string]string{"send": "allow sqs:SendMessage", "hide": "allow sqs:ChangeMessageVisibility"} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			f := newFunction(t, registry())
			f.api.fail = func(what string) error {
				if what == op {
					return &smithy.OperationError{ServiceID: "SQS", OperationName: op, Err: &smithy.GenericAPIError{Code: "AccessDenied", Message: "no"}}
				}
				return nil
			}
			failed := f.invoke(time.Minute, job("dead", 0), job("fails", 1), job("ok", 2))
			if op == "send" {
				f.wantFailed(failed, "m0", "m1")
			} else {
				f.wantFailed(failed, "m1")
			}
			if !strings.Contains(f.log.String(), want) {
				t.Errorf("the log does not say %q:\n%s", want, f.log)
			}
		})
	}
}

func TestBatchOfTenThousand(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int64
		task := tasks.Define("busy", func(_ context.Context, p params) (int, error) {
			n := running.Add(1)
			defer running.Add(-1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			time.Sleep(10 * time.Millisecond)
			if p.N%2 == 1 {
				return 0, errTest
			}
			return 0, nil
		}, tasks.MaxRetries(1))
		f := newFunction(t, tasks.NewRegistry(task), lambdaworker.Concurrency(100))
		f.api.wait = 20 * time.Millisecond
		batch := make([]events.SQSMessage, 10_000)
		for i := range batch {
			batch[i] = job("busy", i)
		}
		begin := time.Now()
		failed := f.invoke(time.Minute, batch...)
		if len(failed) != 5000 {
			t.Errorf("%d failed, want 5000", len(failed))
		}
		if most.Load() != 100 {
			t.Errorf("%d ran at once, want 100", most.Load())
		}
		if n := len(f.api.changes); n > 550 {
			t.Errorf("%d requests for 5000 changes, want ten to a request", n)
		}
		if f.api.most < 2 {
			t.Error("the changes were made one after the other")
		}
		if took := time.Since(begin); took > 1200*time.Millisecond {
			t.Errorf("took %v; the tasks need 1s, and requests keep no slot", took)
		}
	})
}

func TestFunctionsTimeout(t *testing.T) {
	t.Parallel()
	const timeout = 30 * time.Second
	for _, tt := range []struct {
		name   string
		opts   []lambdaworker.Option
		batch  []events.SQSMessage
		failed []string
		hidden []int
		dead   int
		log    string
	}{
		{
			name: "a run that had all of the time has failed", batch: []events.SQSMessage{job("long", 60), job("ok", 1)},
			failed: []string{"m60"}, hidden: []int{30}, log: "the attempt was cut off after 28s by the Lambda function's timeout",
		},
		{name: "its last attempt is a dead letter", batch: []events.SQSMessage{job("once", 1)}, dead: 1, log: "reason=timeout"},
		{
			name: "a run that began late is given back", opts: []lambdaworker.Option{lambdaworker.Concurrency(1)},
			batch: []events.SQSMessage{job("long", 10), job("long", 60)}, failed: []string{"m60"}, hidden: []int{0},
			log: "job interrupted; it is given back",
		},
		{
			name: "what has not begun is given back", opts: []lambdaworker.Option{lambdaworker.Concurrency(1)},
			batch: []events.SQSMessage{job("long", 60), job("ok", 1), job("ok", 2)}, failed: []string{"m1", "m2", "m60"}, hidden: []int{0, 0, 30},
			log: "a message that had not begun is given back",
		},
		{name: "a run that ends in time is done", batch: []events.SQSMessage{job("long", 27)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFunction(t, registry(), tt.opts...)
				begin := time.Now()
				f.wantFailed(f.invoke(timeout, tt.batch...), tt.failed...)
				f.wantHidden(tt.hidden...)
				if took := time.Since(begin); took > timeout-time.Second {
					t.Errorf("answered after %v of %v", took, timeout)
				}
				if len(f.api.sent) != tt.dead {
					t.Errorf("%d dead letters, want %d", len(f.api.sent), tt.dead)
				}
				if !strings.Contains(f.log.String(), tt.log) {
					t.Errorf("the log does not say %q:\n%s", tt.log, f.log)
				}
			})
		})
	}
}

// Whatever a task or an endpoint does, the answer is there before the function is killed, and keeps what is open.
func TestAnswersInTime(t *testing.T) {
	t.Parallel()
	t.Run("a task ignores its context", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			free := make(chan struct{})
			stuck := tasks.Define("stuck", func(context.Context, params) (int, error) {
				<-free
				return 0, nil
			}, tasks.MaxRetries(1))
			f := newFunction(t, tasks.NewRegistry(stuck, ok))
			begin := time.Now()
			f.wantFailed(f.invoke(3*time.Second, job("stuck", 0), job("ok", 1)), "m0")
			if took := time.Since(begin); took >= 3*time.Second {
				t.Errorf("answered after %v of 3s", took)
			}
			close(free)
		})
	})
	t.Run("an endpoint does not answer", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := newFunction(t, registry())
			f.api.wait = time.Hour
			begin := time.Now()
			f.wantFailed(f.invoke(30*time.Second, job("dead", 0), job("fails", 1), job("ok", 2)), "m0", "m1")
			if took := time.Since(begin); took >= 30*time.Second {
				t.Errorf("answered after %v of 30s", took)
			}
			time.Sleep(2 * time.Hour) // the requests end inside the bubble
		})
	})
}

func TestTimeoutShorterThanTasks(t *testing.T) {
	t.Parallel()
	task := tasks.Define("report", func(context.Context, params) (int, error) { return 0, nil }, tasks.Timeout(5*time.Minute))
	f := newFunction(t, tasks.NewRegistry(task, ok))
	f.invoke(time.Minute, job("ok", 1))
	f.invoke(time.Minute, job("ok", 1))
	if n := strings.Count(f.log.String(), "the function's timeout is too short for tasks"); n != 1 {
		t.Errorf("said %d times, want once:\n%s", n, f.log)
	}
	if !strings.Contains(f.log.String(), "report (5m0s)") {
		t.Errorf("the log does not name the task:\n%s", f.log)
	}
}

func TestNotDue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		early := func(n int, wait time.Duration, receives string) events.SQSMessage {
			r := record(n, fmt.Sprintf(`{"v":1,"id":"job-%d","task":"ok","params":{},"not_before":%q}`, n, time.Now().Add(wait).UTC().Format(time.RFC3339)))
			r.Attributes["ApproximateReceiveCount"] = receives
			return r
		}
		f := newFunction(t, registry())
		f.wantFailed(f.invoke(time.Minute, early(0, time.Hour, "1"), early(1, 100*time.Hour, "2"), early(2, 20*time.Minute, "5"), early(3, -time.Hour, "9")), "m0", "m1")
		f.wantHidden(3600, 11*3600)
		// The one that was delivered often enough for the redrive policy is sent anew.
		if len(f.api.sent) != 1 || f.api.sent[0].DelaySeconds != 900 || f.api.sentTo[0] != "https://sqs.eu-central-1.amazonaws.com/123456789012/staging-default" {
			t.Errorf("sent %v to %v", f.api.sent, f.api.sentTo)
		}
	})
}

func TestFIFOStopsAtTheFirstFailure(t *testing.T) {
	t.Parallel()
	var (
		mu    sync.Mutex
		order []int
	)
	note := tasks.Define("note", func(_ context.Context, p params) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, p.N)
		return 0, nil
	})
	f := newFunction(t, tasks.NewRegistry(note, later, dead))
	batch := []events.SQSMessage{job("note", 0), job("dead", 1), job("note", 2), job("later", 3), job("note", 4), job("note", 5)}
	for i := range batch {
		batch[i].EventSourceARN = "arn:aws:sqs:eu-central-1:123456789012:orders.fifo"
		batch[i].Attributes["MessageGroupId"] = "customer-7"
	}
	f.wantFailed(f.invoke(time.Minute, batch...), "m3", "m4", "m5")
	f.wantHidden(0, 0, 90)
	if fmt.Sprint(order) != "[0 2]" {
		t.Errorf("ran %v, want what was before the failure, in order", order)
	}
	if len(f.api.sent) != 1 || f.api.sentTo[0] != "https://sqs.eu-central-1.amazonaws.com/123456789012/orders-dlq.fifo" {
		t.Fatalf("dead letters %v to %v", f.api.sent, f.api.sentTo)
	}
	if letter := f.api.sent[0]; *letter.MessageGroupId != "customer-7" || *letter.MessageDeduplicationId != "m1" {
		t.Errorf("group %v, deduplication %v", *letter.MessageGroupId, *letter.MessageDeduplicationId)
	}
}

func TestOtherPartitions(t *testing.T) {
	t.Parallel()
	for arn, want := range map[string]string{
		"arn:aws-cn:sqs:cn-north-1:123456789012:default":    "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/default-dlq",
		"arn:aws-iso:sqs:us-iso-east-1:123456789012:orders": "https://asked/orders-dlq",
	} {
		f := newFunction(t, registry())
		r := job("dead", 1)
		r.EventSourceARN = arn
		f.wantFailed(f.invoke(time.Minute, r))
		if len(f.api.sentTo) != 1 || f.api.sentTo[0] != want {
			t.Errorf("%s: dead letters to %v, want %s", arn, f.api.sentTo, want)
		}
	}
}

func TestWhatATaskSees(t *testing.T) {
	t.Parallel()
	var got tasks.Attempt
	var request string
	see := tasks.Define("see", func(ctx context.Context, _ params) (int, error) {
		got, _ = tasks.Current(ctx)
		if lc, ok := lambdacontext.FromContext(ctx); ok {
			request = lc.AwsRequestID
		}
		tasks.Logger(ctx).Info("seen")
		if lambdaworker.Trace(ctx)["traceparent"] != got.Trace["traceparent"] {
			t.Error("Trace is not the attempt's")
		}
		return 0, nil
	})
	const xray = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
	f := newFunction(t, tasks.NewRegistry(see))
	r := job("see", 1)
	r.Attributes["ApproximateReceiveCount"] = "4"
	r.Attributes["AWSTraceHeader"] = xray
	f.wantFailed(f.invoke(time.Minute, r))
	if got.Queue != "default" || got.Number != 4 || got.ID != "job-1" || request != "request-1" {
		t.Errorf("attempt %+v in request %q", got, request)
	}
	if got.Trace["traceparent"] != "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01" || got.Trace["X-Amzn-Trace-Id"] != xray {
		t.Errorf("trace %v", got.Trace)
	}
	for line := range strings.Lines(f.log.String()) {
		if !strings.Contains(line, "requestId=request-1") {
			t.Errorf("a line without the request's id: %s", line)
		}
	}
	if !strings.Contains(f.log.String(), "seen") {
		t.Errorf("the task's own line is missing:\n%s", f.log)
	}
	// The producer's own trace comes first.
	r.Body = `{"v":1,"id":"j","task":"see","params":{},"trace":{"traceparent":"00-1-2-01"}}`
	f.invoke(time.Minute, r)
	if got.Trace["traceparent"] != "00-1-2-01" {
		t.Errorf("trace %v, want the envelope's", got.Trace)
	}
}

func TestHandlersThatCannotStart(t *testing.T) {
	t.Parallel()
	wrong := tasks.Define("no name", func(context.Context, params) (int, error) { return 0, nil })
	for name, build := range map[string]func() (*lambdaworker.Handler, error){
		"a wrong definition": func() (*lambdaworker.Handler, error) { return lambdaworker.New(tasks.NewRegistry(wrong)) },
		"no tasks":           func() (*lambdaworker.Handler, error) { return lambdaworker.New(tasks.NewRegistry()) },
		"no concurrency": func() (*lambdaworker.Handler, error) {
			return lambdaworker.New(registry(), lambdaworker.Concurrency(0))
		},
		"no grace": func() (*lambdaworker.Handler, error) { return lambdaworker.New(registry(), lambdaworker.Grace(0)) },
	} {
		if _, err := build(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// BenchmarkBatch is what the handler adds to a batch of ten tasks that do nothing, its log included.
func BenchmarkBatch(b *testing.B) {
	h, err := lambdaworker.New(registry(), lambdaworker.SQS(&api{}), lambdaworker.Logger(slog.New(slog.NewJSONHandler(discard{}, nil))))
	if err != nil {
		b.Fatal(err)
	}
	payload := eventOf(b, 10)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Invoke(b.Context(), payload); err != nil {
			b.Fatal(err)
		}
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
