package dynamotest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/coretasks/core/emulator"
	"github.com/coretasks/core/lambdaworker"
	"github.com/coretasks/core/results"
	"github.com/coretasks/core/results/dynamostore"
	"github.com/coretasks/core/tasks"
)

// writes counts what is written, and how much of it at once.
type writes struct {
	*dynamodb.Client
	mu                sync.Mutex
	all, atOnce, most int
	reads             int
}

func (w *writes) begin() (end func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all++
	w.atOnce++
	w.most = max(w.most, w.atOnce)
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.atOnce--
	}
}

func (w *writes) PutItem(ctx context.Context, in *dynamodb.PutItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	defer w.begin()()
	return w.Client.PutItem(ctx, in, opts...)
}

func (w *writes) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	defer w.begin()()
	return w.Client.UpdateItem(ctx, in, opts...)
}

func (w *writes) GetItem(ctx context.Context, in *dynamodb.GetItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	w.mu.Lock()
	w.reads++
	w.mu.Unlock()
	return w.Client.GetItem(ctx, in, opts...)
}

// TestLambdaWrites: a batch of a Lambda function costs two writes a job, made at once, and no read.
func TestLambdaWrites(t *testing.T) {
	t.Parallel()
	client := &writes{Client: dynamoDBLocal.client(t)}
	store := dynamostore.New(client, table(t, client.Client), dynamostore.Options{})
	recorder := results.NewRecorder(store, results.Config{})
	task := tasks.Define("ok", func(context.Context, struct{}) (string, error) { return "done", nil })
	em, err := emulator.Open(emulator.Config{})
	if err != nil {
		t.Fatal(err)
	}
	h, err := lambdaworker.New(tasks.NewRegistry(task), lambdaworker.SQS(em.SQS()), lambdaworker.Recorder(recorder), lambdaworker.Logger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	var event events.SQSEvent
	for i := range 10 {
		event.Records = append(event.Records, events.SQSMessage{
			MessageId: fmt.Sprint(i), EventSource: "aws:sqs", EventSourceARN: "arn:aws:sqs:us-east-1:000000000000:default",
			Body: fmt.Sprintf(`{"v":1,"id":"job-%d","task":"ok","params":{}}`, i),
		})
	}
	payload, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := h.Invoke(t.Context(), payload)
	if err != nil || string(answer) != `{"batchItemFailures":[]}` {
		t.Fatalf("%s, %v", answer, err)
	}
	if err := recorder.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if client.all > 20 || client.reads > 0 || client.most < 2 {
		t.Errorf("%d writes, %d reads, %d at once; want at most 20, none, and more than one", client.all, client.reads, client.most)
	}
	if r, err := store.Get(t.Context(), "job-7"); err != nil || r.State != results.Succeeded {
		t.Errorf("the record is %+v, %v", r, err)
	}
	if err := em.Close(); err != nil {
		t.Error(err)
	}
}
