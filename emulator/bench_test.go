package emulator_test

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/emulator"
)

// BenchmarkSocketDurable sends, receives and deletes messages in batches of ten over HTTP, with AWS's own client, each
// step committed to the file. One operation is one message through all three.
func BenchmarkSocketDurable(b *testing.B) {
	e := open(b, emulator.Config{Path: filepath.Join(b.TempDir(), "state.db")})
	run(b, client(b, e))
}

// BenchmarkInProcessDurable is the same without the socket and the client.
func BenchmarkInProcessDurable(b *testing.B) {
	run(b, open(b, emulator.Config{Path: filepath.Join(b.TempDir(), "state.db")}).SQS())
}

// BenchmarkInProcessMemory is the same without the file.
func BenchmarkInProcessMemory(b *testing.B) { run(b, open(b, emulator.Config{}).SQS()) }

type batchAPI interface {
	api
	SendMessageBatch(context.Context, *sqs.SendMessageBatchInput, ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error)
	DeleteMessageBatch(context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error)
}

func run(b *testing.B, c batchAPI) {
	url := create(b, c, "bench", nil)
	body := strings.Repeat("x", 200)
	batches := (b.N + 9) / 10
	var started atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range 16 {
		wg.Go(func() {
			for started.Add(1) <= int64(batches) {
				sendTen(b, c, url, body)
				receiveAndDelete(b, c, url)
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(batches*10)/b.Elapsed().Seconds(), "msgs/s")
}

func sendTen(b *testing.B, c batchAPI, url, body string) {
	in := &sqs.SendMessageBatchInput{QueueUrl: &url}
	for i := range 10 {
		in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{
			Id: aws.String(strconv.Itoa(i)), MessageBody: &body,
		})
	}
	out, err := c.SendMessageBatch(b.Context(), in)
	if err != nil || len(out.Failed) > 0 {
		b.Error(out, err)
	}
}

func receiveAndDelete(b *testing.B, c batchAPI, url string) {
	got, err := c.ReceiveMessage(b.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10})
	if err != nil {
		b.Error(err)
		return
	}
	in := &sqs.DeleteMessageBatchInput{QueueUrl: &url}
	for i, m := range got.Messages {
		in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{
			Id: aws.String(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle,
		})
	}
	if _, err := c.DeleteMessageBatch(b.Context(), in); err != nil {
		b.Error(err)
	}
}
