package main

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/emulator"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// fillPhase puts n tasks on the queue for core's workers, as fast as it can.
func fillPhase(ctx context.Context, o order, _ candidate, _ <-chan struct{}) (report, error) {
	client, err := coreClient(o.target)
	if err != nil {
		return report{}, err
	}
	_, err = coreTask(nothing).DelayMany(ctx, client, slices.Repeat([]params{newParams()}, o.n))
	return report{}, err
}

// bulkPhase enqueues n tasks by one DelayMany on an emulator in memory, in this process.
func bulkPhase(ctx context.Context, o order, _ candidate, _ <-chan struct{}) (report, error) {
	em, err := emulator.Open(emulator.Config{})
	if err != nil {
		return report{}, err
	}
	client, err := sqsqueue.New(em.SQS(), sqsqueue.Config{Logger: quietLogger()})
	if err != nil {
		return report{}, err
	}
	task := coreTask(nothing)
	if _, err := sqsqueue.Apply(ctx, client, tasks.NewRegistry(task)); err != nil {
		return report{}, err
	}
	many := slices.Repeat([]params{newParams()}, o.n)
	began := time.Now()
	_, err = task.DelayMany(ctx, client, many)
	return report{Elapsed: time.Since(began)}, errors.Join(err, em.Close())
}

// batchesPhase sends, receives and deletes n messages in batches of ten, by the SDK's client alone.
func batchesPhase(ctx context.Context, o order, _ candidate, _ <-chan struct{}) (report, error) {
	client := o.target.client()
	return report{}, callers(o.concurrency, o.n/maxBatch, func() error { return oneBatch(ctx, client, o.target) })
}

func oneBatch(ctx context.Context, client *sqs.Client, t target) error {
	body, err := encode(newParams())
	if err != nil {
		return err
	}
	if err := tunedSendBatch(client, t, slices.Repeat([]tunedSend{{body: body}}, maxBatch)); err != nil {
		return err
	}
	got, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &t.queueURL, MaxNumberOfMessages: maxBatch})
	if err != nil {
		return err
	}
	var entries []types.DeleteMessageBatchRequestEntry
	for i, m := range got.Messages {
		entries = append(entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle})
	}
	_, err = client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &t.queueURL, Entries: entries})
	return err
}

// executorPhase measures what the executor adds to a task's own work: the envelope, the parameters, context, timeout and
// goroutine of each run.
func executorPhase(context.Context, order, candidate, <-chan struct{}) (report, error) {
	task := tasks.Define("bench.task", tasks.NoResult(nothing), tasks.Timeout(time.Minute))
	executor, err := tasks.NewExecutor(tasks.NewRegistry(task), tasks.ExecutorConfig{Logger: quietLogger()})
	if err != nil {
		return report{}, err
	}
	raw, err := json.Marshal(newParams())
	if err != nil {
		return report{}, err
	}
	body, err := tasks.Envelope{
		ID: "0193a5c0-0000-7000-8000-000000000000", Task: "bench.task", Params: raw, EnqueuedAt: time.Now().UTC(),
	}.Encode()
	if err != nil {
		return report{}, err
	}
	d := tasks.Delivery{Body: string(body), Queue: queueName, Attempt: 1}
	result := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if out := executor.Execute(context.Background(), d); out.Verdict != tasks.Done {
				b.Fatal(out.Err)
			}
		}
	})
	if result.N == 0 {
		return report{}, errors.New("the executor's benchmark failed")
	}
	return report{NsPerOp: float64(result.T.Nanoseconds()) / float64(result.N), AllocsPerOp: result.AllocsPerOp()}, nil
}
