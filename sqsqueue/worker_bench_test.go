package sqsqueue_test

import (
	"context"
	"log/slog"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// endless is a queue that always has messages and whose answers cost next to nothing.
type endless struct {
	sqsqueue.API
	body string
}

func (endless) GetQueueUrl(_ context.Context, in *sqs.GetQueueUrlInput, _ ...func(*sqs.Options)) (*sqs.GetQueueUrlOutput, error) {
	return &sqs.GetQueueUrlOutput{QueueUrl: aws.String("https://sqs.test/1/" + aws.ToString(in.QueueName))}, nil
}

func (e endless) ReceiveMessage(_ context.Context, in *sqs.ReceiveMessageInput, _ ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	out := &sqs.ReceiveMessageOutput{}
	for i := range in.MaxNumberOfMessages {
		out.Messages = append(out.Messages, types.Message{
			Body: &e.body, ReceiptHandle: aws.String(strconv.Itoa(int(i))),
			Attributes: map[string]string{"ApproximateReceiveCount": "1"},
		})
	}
	return out, nil
}

func (endless) DeleteMessageBatch(_ context.Context, in *sqs.DeleteMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error) {
	out := &sqs.DeleteMessageBatchOutput{Successful: make([]types.DeleteMessageBatchResultEntry, len(in.Entries))}
	for i, e := range in.Entries {
		out.Successful[i].Id = e.Id
	}
	return out, nil
}

func (endless) ChangeMessageVisibilityBatch(_ context.Context, in *sqs.ChangeMessageVisibilityBatchInput, _ ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	out := &sqs.ChangeMessageVisibilityBatchOutput{Successful: make([]types.ChangeMessageVisibilityBatchResultEntry, len(in.Entries))}
	for i, e := range in.Entries {
		out.Successful[i].Id = e.Id
	}
	return out, nil
}

// BenchmarkWorker is what a worker adds to a task and to the requests of the SDK.
func BenchmarkWorker(b *testing.B) {
	for _, concurrency := range []int{16, 256} {
		b.Run(strconv.Itoa(concurrency), func(b *testing.B) {
			type params struct {
				User int    `json:"user_id"`
				Text string `json:"text"`
			}
			body, err := tasks.Envelope{ID: "0193a5c0-0000-7000-8000-000000000000", Task: "bench.task",
				Params: []byte(`{"user_id":1,"text":"monthly"}`)}.Encode()
			if err != nil {
				b.Fatal(err)
			}
			var done atomic.Int64
			ctx, stop := context.WithCancel(b.Context())
			total := int64(b.N)
			task := tasks.Define("bench.task", tasks.NoResult(func(context.Context, params) error {
				if done.Add(1) == total {
					stop()
				}
				return nil
			}))
			quiet := slog.New(slog.DiscardHandler)
			client, err := sqsqueue.New(endless{body: string(body)}, sqsqueue.Config{Logger: quiet})
			if err != nil {
				b.Fatal(err)
			}
			w, err := sqsqueue.NewWorker(client, tasks.NewRegistry(task), sqsqueue.WorkerConfig{Concurrency: concurrency})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.ResetTimer()
			if err := w.Run(ctx); err != nil {
				b.Fatal(err)
			}
		})
	}
}
