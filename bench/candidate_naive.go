package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// naiveCandidate is the loop that the SDK's examples lead to.
func naiveCandidate() candidate {
	return candidate{
		name:  "naive",
		about: "SendMessage for each task; one loop of ReceiveMessage (ten, long poll), a goroutine for each message, DeleteMessage in it",
		producer: func(t target) (func(context.Context, params) error, error) {
			client := t.client()
			return func(ctx context.Context, p params) error {
				body, err := encode(p)
				if err != nil {
					return err
				}
				_, err = client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &t.queueURL, MessageBody: &body})
				return err
			}, nil
		},
		work: func(ctx context.Context, t target, concurrency int, handle handler) error {
			client := t.client()
			slots := make(chan struct{}, concurrency)
			for {
				out, err := client.ReceiveMessage(ctx, receiveTen(t))
				if err != nil {
					return err
				}
				for _, m := range out.Messages {
					slots <- struct{}{}
					go func() {
						defer func() { <-slots }()
						p, err := decode(aws.ToString(m.Body))
						if err == nil {
							err = handle(ctx, p)
						}
						if err == nil {
							_, err = client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &t.queueURL, ReceiptHandle: m.ReceiptHandle})
						}
						complain(ctx, err)
					}()
				}
			}
		},
	}
}

func receiveTen(t target) *sqs.ReceiveMessageInput {
	return &sqs.ReceiveMessageInput{QueueUrl: &t.queueURL, MaxNumberOfMessages: maxBatch, WaitTimeSeconds: int32(longPoll.Seconds())}
}
