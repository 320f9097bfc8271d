package emulator

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

// fill makes SQLite find the disk full, or gives it room again. Pages that are free already can be used all the same.
func fill(t *testing.T, e *Emulator, full bool) {
	t.Helper()
	limit := "PRAGMA max_page_count=1000000"
	if full {
		limit = "PRAGMA max_page_count=1" // SQLite takes the file's present size instead
	}
	if _, err := e.journal.store.conn.ExecContext(context.Background(), limit); err != nil {
		t.Error(err)
	}
}

func openFile(t *testing.T, path string) *Emulator {
	t.Helper()
	e, err := Open(Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// snapshot is what an emulator holds, to be compared.
func (e *Emulator) snapshot() map[string]map[string]delivery {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := map[string]map[string]delivery{}
	for at, q := range e.queues {
		name := at.region + "/" + at.name
		out[name] = map[string]delivery{}
		for _, m := range q.messages {
			d := m.delivery
			d.inFlight = false // follows from the rest and the clock
			out[name][m.id] = d
		}
	}
	return out
}

func TestFullDiskFailsCallsAndHarmsNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	e := openFile(t, path)
	q, ctx := e.SQS(), t.Context()
	queue, err := q.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("jobs")})
	if err != nil {
		t.Fatal(err)
	}
	url := queue.QueueUrl
	send := func(body string) error {
		_, err := q.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: url, MessageBody: &body})
		return err
	}
	if err := send("kept"); err != nil {
		t.Fatal(err)
	}
	before := e.snapshot()
	fill(t, e, true)
	large := strings.Repeat("x", 200_000)
	err = send(large)
	var apiErr *smithy.GenericAPIError
	if !errors.As(err, &apiErr) || apiErr.Code != "InternalError" || apiErr.Fault != smithy.FaultServer {
		t.Errorf("send: %v", err)
	}
	if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "disk is full") {
		t.Errorf("the error does not say which file and why: %v", err)
	}
	if after := e.snapshot(); !maps.Equal(after["jobs"], before["jobs"]) {
		t.Errorf("%v became %v", before, after)
	}
	if _, err := q.ListQueues(ctx, nil); err != nil {
		t.Errorf("reading: %v", err)
	}
	attrs, err := q.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: url, AttributeNames: []types.QueueAttributeName{"All"},
	})
	if err != nil || attrs.Attributes["ApproximateNumberOfMessages"] != "1" {
		t.Errorf("reading: %v, %v", attrs, err)
	}
	fill(t, e, false)
	if err := send(large); err != nil {
		t.Errorf("once there is room: %v", err)
	}
	got, err := q.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 10})
	if err != nil || len(got.Messages) != 2 || *got.Messages[0].Body != "kept" {
		t.Errorf("received %d messages, %v", len(got.Messages), err)
	}
}

// While commits fail now and then, under load, memory and file never part: what is in memory at the end is what a
// restart finds, all that was acknowledged is there, and nothing that was refused.
func TestMemoryAndFileAgreeWhateverFails(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	e := openFile(t, path)
	ctx := context.Background()
	for _, in := range []*sqs.CreateQueueInput{
		{QueueName: aws.String("dead")},
		{QueueName: aws.String("jobs"), Attributes: map[string]string{
			"RedrivePolicy": `{"deadLetterTargetArn":"` + e.arnOf("dead") + `","maxReceiveCount":2}`,
		}},
	} {
		if _, err := e.SQS().CreateQueue(ctx, in); err != nil {
			t.Fatal(err)
		}
	}
	load := &randomLoad{e: e, sent: map[string]bool{}, gone: map[string]bool{}}
	done := make(chan struct{})
	var toggler, workers sync.WaitGroup
	toggler.Go(func() {
		for full := true; ; full = !full {
			select {
			case <-done:
				fill(t, e, false)
				return
			default:
				fill(t, e, full)
			}
		}
	})
	for seed := range uint64(8) {
		workers.Go(func() { load.run(ctx, rand.New(rand.NewPCG(seed, 1)), 400) })
	}
	workers.Wait()
	close(done)
	toggler.Wait()
	if load.failed == 0 || len(load.sent) == 0 {
		t.Fatalf("%d calls failed, %d messages were sent: nothing was put to the test", load.failed, len(load.sent))
	}
	before := e.snapshot()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	after := openFile(t, path).snapshot()
	held := map[string]bool{}
	for name := range before {
		if !maps.Equal(before[name], after[name]) {
			t.Errorf("queue %s: %d messages in memory, %d in the file, or other deliveries",
				name, len(before[name]), len(after[name]))
		}
		for id := range after[name] {
			held[id] = true
		}
	}
	for id := range load.sent {
		if held[id] == load.gone[id] {
			t.Errorf("message %s: held %v, deleted %v", id, held[id], load.gone[id])
		}
	}
	if want := len(load.sent) - len(load.gone); len(held) != want {
		t.Errorf("%d messages are held, want %d", len(held), want)
	}
}

// randomLoad makes calls at random and keeps what was acknowledged.
type randomLoad struct {
	e      *Emulator
	mu     sync.Mutex
	sent   map[string]bool
	gone   map[string]bool
	failed int
}

func (l *randomLoad) note(err error, success func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.failed++
		return
	}
	success()
}

func (l *randomLoad) run(ctx context.Context, r *rand.Rand, calls int) {
	q := l.e.SQS()
	url := aws.String("http://x/000000000000/jobs")
	var held []types.Message
	for range calls {
		switch n := r.IntN(10); {
		case n < 4:
			body := strings.Repeat("x", 1+r.IntN(6000))
			out, err := q.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: url, MessageBody: &body})
			l.note(err, func() { l.sent[*out.MessageId] = true })
		case n < 7 || len(held) == 0:
			out, err := q.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 3})
			l.note(err, func() { held = append(held, out.Messages...) })
		case n < 9:
			_, err := q.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: held[0].ReceiptHandle})
			l.note(err, func() {
				l.gone[*held[0].MessageId] = true
				held = held[1:]
			})
		default:
			_, err := q.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
				QueueUrl: url, ReceiptHandle: held[0].ReceiptHandle,
			})
			l.note(err, func() { held = held[1:] })
		}
	}
}
