package emulator_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/coretasks/core/emulator"
)

// A traffic sends and deletes, and knows what was acknowledged.
type traffic struct {
	mu      sync.Mutex
	sent    map[string]bool // body: acknowledged
	deleted map[string]bool
	trying  map[string]bool // deletions that were asked for
}

// snapshot is what was acknowledged by now.
func (t *traffic) snapshot() (sent, deleted map[string]bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	sent, deleted = map[string]bool{}, map[string]bool{}
	for id := range t.sent {
		sent[id] = true
	}
	for id := range t.deleted {
		deleted[id] = true
	}
	return sent, deleted
}

func (t *traffic) asked(id string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.trying[id]
}

func (t *traffic) run(ctx context.Context, c *emulator.SQS, url string, stop <-chan struct{}) error {
	var all sync.WaitGroup
	errs := make([]error, 4)
	for worker := range errs {
		all.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				body := fmt.Sprintf("%d-%d", worker, n)
				if _, err := c.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body}); err != nil {
					errs[worker] = err
					return
				}
				t.mu.Lock()
				t.sent[body] = true
				t.mu.Unlock()
				if n%3 > 0 {
					continue
				}
				out, err := c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &url, VisibilityTimeout: 600})
				if err != nil || len(out.Messages) == 0 {
					continue
				}
				m := out.Messages[0]
				t.mu.Lock()
				t.trying[*m.Body] = true
				t.mu.Unlock()
				if _, err := c.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle}); err != nil {
					errs[worker] = err
					return
				}
				t.mu.Lock()
				t.deleted[*m.Body] = true
				t.mu.Unlock()
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// A power cut at any instant: the files are copied while the emulator works, the log first and the database after it only if
// no checkpoint came between the two, and the log loses what was not flushed, from any byte on. What was acknowledged
// before the copy is there, and what was deleted before it stays deleted.
func TestCopiesAtRandomInstants(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "state.db")
	e := open(t, emulator.Config{Path: path})
	url := create(t, e.SQS(), "jobs", nil)
	flow := &traffic{sent: map[string]bool{}, deleted: map[string]bool{}, trying: map[string]bool{}}
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- flow.run(context.WithoutCancel(t.Context()), e.SQS(), url, stop) }()
	random := rand.New(rand.NewPCG(1, 2))
	type taken struct {
		path          string
		sent, deleted map[string]bool
		torn          bool
	}
	var copies []taken
	for i := range 30 {
		time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond) // an instant, not a wait for anything
		sent, deleted := flow.snapshot()
		before := read(t, path)
		log := read(t, path+"-wal")
		if string(before) != string(read(t, path)) {
			continue // a checkpoint was under way: no instant has these two files
		}
		to := taken{path: filepath.Join(dir, "copy-"+strconv.Itoa(i)+".db"), sent: sent, deleted: deleted, torn: i%3 == 2}
		if to.torn {
			log = log[:random.IntN(len(log)+1)]
		}
		if err := errors.Join(os.WriteFile(to.path, before, 0o600), os.WriteFile(to.path+"-wal", log, 0o600)); err != nil {
			t.Fatal(err)
		}
		copies = append(copies, to)
	}
	close(stop)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if len(copies) < 10 {
		t.Fatalf("only %d copies could be taken", len(copies))
	}
	for _, c := range copies {
		found, total := bodies(t, c.path)
		// A second opening finds the same: what the first repaired stays repaired.
		if _, again := bodies(t, c.path); again != total {
			t.Errorf("%s: %d messages, and %d when opened again", c.path, total, again)
		}
		if c.torn {
			continue // it opens, and holds a prefix; see TestCopyWithTornLogOpens
		}
		for body := range c.sent {
			if !found[body] && !flow.asked(body) {
				t.Errorf("%s: message %s was acknowledged before the copy and is lost", c.path, body)
			}
		}
		for body := range c.deleted {
			if found[body] {
				t.Errorf("%s: message %s was deleted before the copy and is back", c.path, body)
			}
		}
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// bodies are the visible messages in a file, and how many there are with those in flight.
func bodies(t *testing.T, path string) (found map[string]bool, total int) {
	t.Helper()
	e, err := emulator.Open(emulator.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	c := e.SQS()
	url := create(t, c, "jobs", nil)
	total = count(t, c, url, "") + count(t, c, url, "NotVisible")
	found = map[string]bool{}
	for {
		out, err := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: aws.String(url), MaxNumberOfMessages: 10})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Messages) == 0 {
			return found, total
		}
		for _, m := range out.Messages {
			found[*m.Body] = true
		}
	}
}
