package lambda_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/emulator"
	"github.com/coretasks/core/emulator/lambda"
)

// world is a queue with a mapping to a function of the test.
type world struct {
	*testing.T
	api *emulator.SQS
	url string

	mu      sync.Mutex
	batches [][]string // the bodies of each invocation
	at      []time.Duration
	atOnce  int
	most    int
	began   time.Time
	answer  func(events.SQSEvent) (string, error)
	takes   time.Duration
}

// Invoke is the function.
func (w *world) Invoke(_ context.Context, r lambda.Request) ([]byte, error) {
	var e events.SQSEvent
	if err := json.Unmarshal(r.Payload, &e); err != nil {
		w.Error(err)
	}
	w.mu.Lock()
	w.atOnce++
	w.most = max(w.most, w.atOnce)
	var bodies []string
	for _, record := range e.Records {
		bodies = append(bodies, record.Body[:min(len(record.Body), 10)])
	}
	w.batches = append(w.batches, bodies)
	w.at = append(w.at, time.Since(w.began))
	w.mu.Unlock()
	time.Sleep(w.takes)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.atOnce--
	if w.answer == nil {
		return nil, nil
	}
	text, err := w.answer(e)
	return []byte(text), err
}

func (w *world) send(bodies ...string) {
	w.Helper()
	for _, body := range bodies {
		_, err := w.api.SendMessage(w.Context(), &sqs.SendMessageInput{QueueUrl: &w.url, MessageBody: &body,
			MessageAttributes: map[string]types.MessageAttributeValue{"tenant": {DataType: aws.String("String"), StringValue: aws.String("acme")}}})
		if err != nil {
			w.Fatal(err)
		}
	}
}

// counts returns the messages that wait and that are hidden.
func (w *world) counts() (waiting, hidden string) {
	w.Helper()
	out, err := w.api.GetQueueAttributes(w.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &w.url, AttributeNames: []types.QueueAttributeName{"All"}})
	if err != nil {
		w.Fatal(err)
	}
	return out.Attributes["ApproximateNumberOfMessages"], out.Attributes["ApproximateNumberOfMessagesNotVisible"]
}

// bubble tests a mapping of a queue with a visibility timeout of 30 s, with fake time.
func bubble(t *testing.T, cfg lambda.Config, test func(w *world, start func() (stop func()))) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		em, err := emulator.Open(emulator.Config{})
		if err != nil {
			t.Fatal(err)
		}
		w := &world{T: t, api: em.SQS(), began: time.Now()}
		queue, err := w.api.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("q")})
		if err != nil {
			t.Fatal(err)
		}
		w.url = *queue.QueueUrl
		test(w, func() func() {
			cfg.QueueURL, cfg.Logger = w.url, slog.New(slog.NewTextHandler(t.Output(), nil))
			m, err := lambda.NewMapping(t.Context(), w.api, w, cfg)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				m.Run(ctx)
			}()
			return func() {
				cancel()
				<-ended
			}
		})
		if err := em.Close(); err != nil {
			t.Error(err)
		}
	})
}

func numbers(n int) []string {
	bodies := make([]string, n)
	for i := range bodies {
		bodies[i] = fmt.Sprint(i)
	}
	return bodies
}

func TestBatches(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		cfg   lambda.Config
		send  []string
		sizes []int
	}{
		{"ten are the default", lambda.Config{}, numbers(25), []int{10, 10, 5}},
		{"a batch size", lambda.Config{BatchSize: 3}, numbers(7), []int{3, 3, 1}},
		{"a large batch within its window", lambda.Config{BatchSize: 100, Window: time.Second}, numbers(130), []int{100, 30}},
		{"a payload of 6 MB at the most", lambda.Config{}, slices.Repeat([]string{strings.Repeat("x", 1<<20-100)}, 7), []int{5, 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.cfg.MaxConcurrency = 1
			bubble(t, tt.cfg, func(w *world, start func() func()) {
				w.send(tt.send...)
				stop := start()
				time.Sleep(5 * time.Second)
				stop()
				var sizes []int
				for _, b := range w.batches {
					sizes = append(sizes, len(b))
				}
				if !slices.Equal(sizes, tt.sizes) {
					t.Errorf("batches of %v, want %v", sizes, tt.sizes)
				}
				if waiting, hidden := w.counts(); waiting != "0" || hidden != "0" {
					t.Errorf("%s wait and %s are hidden, want all deleted", waiting, hidden)
				}
			})
		})
	}
}

func TestWindow(t *testing.T) {
	t.Parallel()
	bubble(t, lambda.Config{Window: 5 * time.Second}, func(w *world, start func() func()) {
		stop := start()
		time.Sleep(time.Second)
		w.send("a")
		time.Sleep(2 * time.Second)
		w.send("b")
		time.Sleep(20 * time.Second)
		stop()
		if fmt.Sprint(w.batches) != "[[a b]]" || w.at[0] < 6*time.Second || w.at[0] > 6200*time.Millisecond {
			t.Errorf("batches %v at %v, want both at 6s: five after the first came", w.batches, w.at)
		}
	})
}

func TestMaxConcurrency(t *testing.T) {
	t.Parallel()
	bubble(t, lambda.Config{BatchSize: 1, MaxConcurrency: 3}, func(w *world, start func() func()) {
		w.takes = time.Second
		w.send(numbers(9)...)
		stop := start()
		time.Sleep(3500 * time.Millisecond)
		stop()
		if w.most != 3 || len(w.batches) != 9 {
			t.Errorf("%d invocations, %d at once; want 9 in three seconds, 3 at once", len(w.batches), w.most)
		}
	})
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	failing := func(id func(events.SQSEvent) string) func(events.SQSEvent) (string, error) {
		return func(e events.SQSEvent) (string, error) {
			return fmt.Sprintf(`{"batchItemFailures":[{"itemIdentifier":%s}]}`, id(e)), nil
		}
	}
	for _, tt := range []struct {
		name   string
		cfg    lambda.Config
		answer func(events.SQSEvent) (string, error)
		hidden string // of three messages
	}{
		{"nothing", lambda.Config{}, nil, "0"},
		{"no failures", lambda.Config{}, func(events.SQSEvent) (string, error) { return `{"batchItemFailures":[]}`, nil }, "0"},
		{"null", lambda.Config{}, func(events.SQSEvent) (string, error) { return `{"batchItemFailures":null}`, nil }, "0"},
		{"one failure", lambda.Config{}, failing(func(e events.SQSEvent) string { return `"` + last(e) + `"` }), "1"},
		{"an error", lambda.Config{}, func(events.SQSEvent) (string, error) { return "", errors.New("no") }, "3"},
		{"no JSON", lambda.Config{}, func(events.SQSEvent) (string, error) { return "oops", nil }, "3"},
		{"an empty identifier", lambda.Config{}, failing(func(events.SQSEvent) string { return `""` }), "3"},
		{"a null identifier", lambda.Config{}, failing(func(events.SQSEvent) string { return "null" }), "3"},
		{"a strange identifier", lambda.Config{}, failing(func(events.SQSEvent) string { return `"x"` }), "3"},
		{"a failure without ReportBatchItemFailures is lost", lambda.Config{WholeBatches: true},
			failing(func(e events.SQSEvent) string { return `"` + last(e) + `"` }), "0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, tt.cfg, func(w *world, start func() func()) {
				w.answer = tt.answer
				w.send(numbers(3)...)
				stop := start()
				time.Sleep(10 * time.Second)
				if _, hidden := w.counts(); hidden != tt.hidden {
					t.Errorf("%s are kept, want %s", hidden, tt.hidden)
				}
				w.mu.Lock()
				invocations := len(w.batches)
				w.mu.Unlock()
				time.Sleep(25 * time.Second) // past the visibility timeout
				stop()
				if again := len(w.batches) > invocations; again != (tt.hidden != "0") {
					t.Errorf("came again: %v", again)
				}
			})
		})
	}
}

func last(e events.SQSEvent) string { return e.Records[len(e.Records)-1].MessageId }

func TestStopKeepsMessages(t *testing.T) {
	t.Parallel()
	bubble(t, lambda.Config{Window: time.Minute}, func(w *world, start func() func()) {
		stop := start()
		w.send(numbers(3)...)
		time.Sleep(10 * time.Second) // received, and waiting for the window's end
		stop()
		if waiting, hidden := w.counts(); waiting != "3" || hidden != "0" {
			t.Errorf("%s wait and %s are hidden, want the 3 to be given back", waiting, hidden)
		}
	})
}

func TestMappingsThatLambdaRefuses(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]lambda.Config{
		"batch size":              {BatchSize: 10_001},
		"window":                  {Window: 6 * time.Minute},
		"needs a batching window": {BatchSize: 11},
		"maximum concurrency":     {MaxConcurrency: -1},
		"function timeout":        {Timeout: time.Hour},
		"shorter than the function's timeout of 31s": {Timeout: 31 * time.Second},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			bubble(t, cfg, func(w *world, _ func() func()) {
				cfg.QueueURL = w.url
				if _, err := lambda.NewMapping(t.Context(), w.api, w, cfg); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want one that says %q", err, want)
				}
			})
		})
	}
}
