package sqstest

import (
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

var concurrencyTests = []func(*check){concurrentReceivers}

// concurrentReceivers: 200 messages sent at the same time reach 8 receivers, each to one of them.
func concurrentReceivers(c *check) {
	const messages, senders, receivers = 200, 4, 8
	q := c.newQueue("VisibilityTimeout", "300")

	var (
		mu     sync.Mutex
		faults []string
		seen   = map[string]int{}
	)
	fault := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		faults = append(faults, fmt.Sprintf(format, args...))
	}
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(seen)
	}

	var all sync.WaitGroup
	for sender := range senders {
		all.Go(func() {
			for first := sender * messages / senders; first < (sender+1)*messages/senders; first += 10 {
				entries := make([]sendEntry, 10)
				for i := range entries {
					entries[i] = entry(strconv.Itoa(i), strconv.Itoa(first+i))
				}
				out, err := q.sendBatch(entries...)
				if err != nil || len(out.Successful) != len(entries) {
					fault("SendMessageBatch: %v, %v", out, err)
					return
				}
			}
		})
	}
	deadline := time.Now().Add(patience)
	for range receivers {
		all.Go(func() {
			for count() < messages && time.Now().Before(deadline) {
				out, err := c.api.ReceiveMessage(c.Ctx, &sqs.ReceiveMessageInput{QueueUrl: &q.url, MaxNumberOfMessages: 10, WaitTimeSeconds: 1})
				if err != nil {
					fault("ReceiveMessage: %v", err)
					return
				}
				if len(out.Messages) == 0 {
					continue
				}
				entries := make([]types.DeleteMessageBatchRequestEntry, len(out.Messages))
				mu.Lock()
				for i, m := range out.Messages {
					seen[aws.ToString(m.Body)]++
					entries[i] = types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle}
				}
				mu.Unlock()
				deleted, err := c.api.DeleteMessageBatch(c.Ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &q.url, Entries: entries})
				if err != nil || len(deleted.Failed) > 0 {
					fault("DeleteMessageBatch: %v, %v", deleted, err)
					return
				}
			}
		})
	}
	all.Wait()

	for _, fault := range faults {
		c.Errorf("%s", fault)
	}
	for i := range messages {
		if n := seen[strconv.Itoa(i)]; n != 1 {
			c.Errorf("message %d was received %d times, want once", i, n)
		}
	}
	c.Eventually("all messages are deleted", func() bool {
		got := q.attributes()
		return got["ApproximateNumberOfMessages"] == "0" && got["ApproximateNumberOfMessagesNotVisible"] == "0"
	})
}
