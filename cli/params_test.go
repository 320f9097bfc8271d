package cli_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/coretasks/core/cli"
	"github.com/coretasks/core/emulator"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

type due struct{ day string }

func (d *due) UnmarshalJSON(b []byte) error {
	d.day = string(b[1 : len(b)-1])
	return nil
}

func (d due) MarshalJSON() ([]byte, error) { return []byte(`"` + d.day + `"`), nil }

type anyParams struct {
	Any   any      `json:"any"`
	Price float64  `json:"price"`
	Day   due      `json:"day"`
	Tags  []string `json:"tags"`
}

// TestEnqueueSendsWhatItWasGiven to the byte, after it has checked it: encoding/json would make another number of a large one,
// and zeros of what was left out.
func TestEnqueueSendsWhatItWasGiven(t *testing.T) {
	t.Parallel()
	em, err := emulator.Open(emulator.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := em.Close(); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewServer(em.Handler())
	t.Cleanup(server.Close)
	registry := tasks.NewRegistry(tasks.Define("any", func(context.Context, anyParams) (int, error) { return 0, nil }))
	client, err := sqsqueue.New(em.SQS(), sqsqueue.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sqsqueue.Apply(t.Context(), client, registry); err != nil {
		t.Fatal(err)
	}
	run := func(params string) (code int, stdout, stderr string) {
		var out, errs strings.Builder
		args := []string{"enqueue", "any", params, "--local", "--results", "none", "--local-addr", strings.TrimPrefix(server.URL, "http://")}
		code = cli.Run(t.Context(), registry, args, strings.NewReader(""), &out, &errs)
		return code, out.String(), errs.String()
	}
	url, err := client.URL(t.Context(), tasks.DefaultQueue)
	if err != nil {
		t.Fatal(err)
	}
	for _, params := range []string{
		`{"any":9007199254740993}`, `{ "any": {"b": 1.50, "a": 1e2},` + "\n\t" + `"price":0.10, "tags":null }`, `{"ANY":"\u00e4\/","day":"2026-01-02"}`,
	} {
		if code, _, stderr := run(params); code != 0 {
			t.Errorf("%s: exit code %d, %s", params, code, stderr)
			continue
		}
		got, err := em.SQS().ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: aws.String(url)})
		if err != nil || len(got.Messages) != 1 || !strings.Contains(*got.Messages[0].Body, `"params":`+params+`,`) {
			t.Errorf("%s was sent as %+v (%v)", params, got, err)
		}
	}
	for params, want := range map[string]string{
		`{"day":5}`:           `field "day": must be what cli_test.due reads (panic: runtime error: slice bounds out of range`,
		`{"price":null}`:      `field "price": must be a number, not a JSON null`,
		`{"any":1,"Any":2}`:   `field "any": is given twice`,
		`{"tags":["a",null]}`: `field "tags.1": must be a string, not a JSON null`,
		`{"x":1,"price":""}`:  `field "x": is not a parameter of this task; it has any, price, day, tags; parameters of task "any": field "price": must be a number`,
	} {
		code, stdout, stderr := run(params)
		checkFailure(t, code, stdout, stderr, 1, want)
	}
}
