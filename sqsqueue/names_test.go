package sqsqueue_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

func TestPrefixes(t *testing.T) {
	t.Parallel()
	for prefix, ok := range map[string]bool{
		"": true, "staging-": true, "A_9-": true, strings.Repeat("x", 40): true,
		"a b": false, " staging-": false, "staging-\n": false, "a.b": false, "ä-": false, "a/b": false,
		strings.Repeat("x", 41): false,
	} {
		_, err := sqsqueue.New(nil, sqsqueue.Config{Prefix: prefix})
		if (err == nil) != ok {
			t.Errorf("prefix %q: %v", prefix, err)
		}
		if err != nil && !strings.Contains(err.Error(), "queue prefix ") ||
			err != nil && !strings.Contains(err.Error(), "SQS allows letters, digits, '_' and '-', here at most 40") {
			t.Errorf("prefix %q: %v does not say what a prefix may be", prefix, err)
		}
	}
}

// SQS allows 80 characters, and the dead-letter queue has four more. What can't be is refused before SQS is asked.
func TestNamesThatAreTooLongWithTheirPrefix(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		length int
		want   string
	}{
		"fits":                       {68, ""},
		"its dead letters don't fit": {69, "-dlq\" has 81 of 80 characters; shorten it or the prefix \"staging-\""},
		"does not fit":               {76, "\" has 84 of 80 characters; shorten it or the prefix \"staging-\""},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(e *env) {
				queue := strings.Repeat("q", tc.length)
				task := tasks.Define("task", func(context.Context, int) (int, error) { return 0, nil }, tasks.Queue(queue))
				r := tasks.NewRegistry(task)
				client := e.newClient(sqsqueue.Config{Prefix: "staging-"})
				requests := len(e.api.log())
				_, applyErr := sqsqueue.Apply(e.Context(), client, r)
				_, checkErr := sqsqueue.Check(e.Context(), client, r)
				_, workerErr := sqsqueue.NewWorker(client, r, sqsqueue.WorkerConfig{})
				for what, err := range map[string]error{
					"CheckNames": sqsqueue.CheckNames("staging-", r), "Apply": applyErr, "Check": checkErr, "NewWorker": workerErr,
				} {
					var tooLong *sqsqueue.NameError
					if tc.want == "" && err != nil ||
						tc.want != "" && (!errors.As(err, &tooLong) || !strings.Contains(err.Error(), tc.want)) {
						e.Errorf("%s: %v, want %q", what, err, tc.want)
					}
				}
				if n := len(e.api.log()); tc.want != "" && n != requests {
					e.Errorf("SQS was asked: %v", e.api.log()[requests:])
				}
				_, err := task.Delay(e.Context(), client, 1)
				var tooLong *sqsqueue.NameError
				if long := tc.length+len("staging-") > 80; errors.As(err, &tooLong) != long {
					e.Errorf("Delay: %v", err)
				}
			})
		})
	}
}

func TestWorkerConfigsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	client, err := sqsqueue.New(nil, sqsqueue.Config{})
	if err != nil {
		t.Fatal(err)
	}
	r := tasks.NewRegistry(number)
	for want, cfg := range map[string]sqsqueue.WorkerConfig{
		"concurrency -1 is invalid":           {Concurrency: -1},
		"shutdown timeout -1ns is invalid":    {ShutdownTimeout: -1},
		"shutdown timeout 1ms is invalid":     {ShutdownTimeout: 1_000_000},
		"grace -1ns is invalid":               {Grace: -1},
		"visibility timeout 1ns is invalid":   {MaxVisibilityTimeout: 1},
		"visibility timeout -1ns is invalid":  {MaxVisibilityTimeout: -1},
		"weight -1 of queue \"default\"":      {Queues: []sqsqueue.QueueWeight{{Name: "default", Weight: -1}}},
		"weight 1000001 of queue \"default\"": {Queues: []sqsqueue.QueueWeight{{Name: "default", Weight: 1_000_001}}},
	} {
		if _, err := sqsqueue.NewWorker(client, r, cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
