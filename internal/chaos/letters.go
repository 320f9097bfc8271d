package chaos

import (
	"context"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// A letter is what is known of a job's dead letters.
type letter struct {
	count  int
	reason string // of the last
}

// takeLetters empties the dead-letter queues, and keeps what was in them.
func (w *world) takeLetters(ctx context.Context) error {
	api := newAPI("http://" + w.queueAddr)
	client, err := sqsqueue.New(api, sqsqueue.Config{Prefix: w.prefix})
	if err != nil {
		return err
	}
	for _, name := range []string{tasks.DefaultQueue, "second"} {
		url, err := client.URL(ctx, sqsqueue.DeadLetterQueue(name))
		if err != nil {
			return err
		}
		for {
			out, err := api.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
				QueueUrl: &url, MaxNumberOfMessages: 10, MessageAttributeNames: []string{"All"}, VisibilityTimeout: 3600,
			})
			if err != nil {
				return err
			}
			if len(out.Messages) == 0 {
				break
			}
			var entries []types.DeleteMessageBatchRequestEntry
			for i, m := range out.Messages {
				entries = append(entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle})
				id := jobOf(aws.ToString(m.Body))
				l := w.letters[id]
				l.count++
				if l.reason = aws.ToString(m.MessageAttributes[sqsqueue.AttributeReason].StringValue); l.reason == "" {
					l.reason = "redrive policy"
				}
				w.letters[id] = l
			}
			if _, err := api.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &url, Entries: entries}); err != nil {
				return err
			}
		}
	}
	return nil
}
