package deadletters_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/coretasks/core/deadletters"
	"github.com/coretasks/core/emulator"
	"github.com/coretasks/core/internal/lettertest"
	"github.com/coretasks/core/results"
	"github.com/coretasks/core/tasks"
)

// inBubble calls test with an emulator, in fake time.
func inBubble(t *testing.T, test func(*testing.T, deadletters.API)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		em, err := emulator.Open(emulator.Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := em.Close(); err != nil {
				t.Error(err)
			}
		})
		test(t, em.SQS())
	})
}

func TestSuiteOnTheEmulator(t *testing.T) {
	t.Parallel()
	lettertest.Run(t, inBubble)
}

// faulty is an endpoint on which some requests fail, or are answered into the void.
type faulty struct {
	deadletters.API
	send, remove, receive func(do func() error) error
}

var errDown = errors.New("down")

// lost carries a request out and loses the answer.
func lost(do func() error) error { return errors.Join(do(), errDown) }

func refused(func() error) error { return errDown }

// unanswered carries a request out and loses the answer, in the words of the SDK.
func unanswered(do func() error) error {
	if err := do(); err != nil {
		return err
	}
	return &smithyhttp.RequestSendError{Err: errDown}
}

// call lets fault decide whether, and with which answer, a request is made.
func call[In, Out any](ctx context.Context, fault func(func() error) error, in *In, next func(context.Context, *In, ...func(*sqs.Options)) (*Out, error)) (*Out, error) {
	if fault == nil {
		return next(ctx, in)
	}
	var out *Out
	err := fault(func() (err error) {
		out, err = next(ctx, in)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (f *faulty) SendMessageBatch(ctx context.Context, in *sqs.SendMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	return call(ctx, f.send, in, f.API.SendMessageBatch)
}

func (f *faulty) DeleteMessageBatch(ctx context.Context, in *sqs.DeleteMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error) {
	return call(ctx, f.remove, in, f.API.DeleteMessageBatch)
}

func (f *faulty) ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, _ ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	return call(ctx, f.receive, in, f.API.ReceiveMessage)
}

// TestFaultsLoseNothing: whatever a request does, each job is in a queue afterwards, and a second redrive ends it.
func TestFaultsLoseNothing(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault   faulty
		twice   bool // jobs can be sent twice
		unknown bool // the report says that some may have been sent
	}{
		"the send is refused":           {fault: faulty{send: refused}},
		"the send's answer is lost":     {fault: faulty{send: unanswered}, twice: true, unknown: true},
		"the deletion is refused":       {fault: faulty{remove: refused}, twice: true},
		"the deletion's answer is lost": {fault: faulty{remove: lost}},
		"the receive is refused":        {fault: faulty{receive: refused}},
		"the receive's answer is lost":  {fault: faulty{receive: lost}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, api deadletters.API) {
				d := lettertest.New(t, api)
				d.Put("default-dlq", lettertest.Many(25, tasks.ReasonExhausted)...)
				tc.fault.API = api
				d.API = &tc.fault
				report, err := d.Open().Redrive(t.Context(), deadletters.Redrive{})
				if !errors.Is(err, errDown) || errors.Is(err, tasks.ErrUnknownOutcome) != tc.unknown || report.Unknown > 0 != tc.unknown {
					t.Errorf("the redrive says %v, %+v", err, report)
				}
				d.API = api
				time.Sleep(deadletters.Hold) // what was held by a process that is gone
				if _, err := d.Open().Redrive(t.Context(), deadletters.Redrive{}); err != nil {
					t.Fatal(err)
				}
				live := map[string]int{}
				for _, id := range lettertest.IDs(d.Take("default")) {
					live[id]++
				}
				for id, n := range live {
					if n > 1 && !tc.twice || n > 2 {
						t.Errorf("job %s was sent %d times", id, n)
					}
				}
				if len(live) != 25 {
					t.Errorf("%d of 25 jobs are in the queue", len(live))
				}
				d.WantIDs("default-dlq")
			})
		})
	}
}

// TestADeletionThatFailsOnce: the letter comes again, and is deleted then, not sent a second time.
func TestADeletionThatFailsOnce(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, api deadletters.API) {
		d := lettertest.New(t, api)
		d.Put("default-dlq", lettertest.Many(30, tasks.ReasonExhausted)...)
		var n atomic.Int32
		d.API = &vague{API: api, forget: func() bool { return n.Add(1) <= 2 }}
		report, err := d.Open().Redrive(t.Context(), deadletters.Redrive{Rate: 1}) // slow, so that they come again
		if err != nil || report.Redriven != 30 {
			t.Errorf("%+v, %v", report, err)
		}
		d.API = api
		if live, _ := d.WantAll(30); live != 30 {
			t.Errorf("%d of 30 are in the queue", live)
		}
	})
}

// vague answers some deletions as if no entry were known.
type vague struct {
	deadletters.API
	forget func() bool
}

func (v *vague) DeleteMessageBatch(ctx context.Context, in *sqs.DeleteMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error) {
	if v.forget() {
		return &sqs.DeleteMessageBatchOutput{}, nil
	}
	return v.API.DeleteMessageBatch(ctx, in)
}

// TestWhatIsNoLongerOursIsNotSent: a request that takes so long that others may have received the letters is broken off.
func TestWhatIsNoLongerOursIsNotSent(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, api deadletters.API) {
		d := lettertest.New(t, api)
		d.Put("default-dlq", lettertest.Many(1, tasks.ReasonExhausted)...)
		slow := &stuck{API: api}
		d.API = slow
		start := time.Now()
		_, err := d.Open().Redrive(t.Context(), deadletters.Redrive{})
		if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took > deadletters.Hold {
			t.Errorf("%v after %v", err, took)
		}
		d.API = api
		time.Sleep(deadletters.Hold)
		d.WantIDs("default")
		d.WantIDs("default-dlq", "j0")
	})
}

// stuck never answers a send.
type stuck struct{ deadletters.API }

func (s *stuck) SendMessageBatch(ctx context.Context, _ *sqs.SendMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestASlowRateAmongManyOthers: letters that do not match come round again and again meanwhile, and the walk ends all the
// same.
func TestASlowRateAmongManyOthers(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, api deadletters.API) {
		d := lettertest.New(t, api)
		for i := range 10 {
			d.Put("default-dlq", lettertest.Many(20, tasks.ReasonPanic)...)
			d.Put("default-dlq", lettertest.Letter(strings.Repeat("x", i+1), "t", tasks.ReasonTimeout, time.Now()))
		}
		filter := deadletters.Filter{Reason: tasks.ReasonTimeout}
		report, err := d.Open().Redrive(t.Context(), deadletters.Redrive{Filter: filter, Rate: 0.1})
		if err != nil || report.Redriven != 10 || report.Others != 200 {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

// TestAStoreThatIsDown: nothing is sent whose record can't be put back.
func TestAStoreThatIsDown(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, api deadletters.API) {
		d := lettertest.New(t, api)
		d.Put("default-dlq", lettertest.Many(3, tasks.ReasonExhausted)...)
		q, err := deadletters.Open(t.Context(), api, "default", deadletters.Config{Prefix: d.Prefix, Records: down{}})
		if err != nil {
			t.Fatal(err)
		}
		if report, err := q.Redrive(t.Context(), deadletters.Redrive{}); !errors.Is(err, errDown) || report.Redriven != 0 {
			t.Errorf("%+v, %v", report, err)
		}
		d.WantIDs("default")
		d.WantIDs("default-dlq", "j0", "j1", "j2")
	})
}

type down struct{}

func (down) Requeue(context.Context, results.Requeue) (results.Record, error) {
	return results.Record{}, errDown
}
