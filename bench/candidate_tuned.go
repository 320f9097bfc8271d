package main

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// How the hand-tuned loop is tuned. Other values were tried; these were the fastest here.
const (
	tunedSends        = 64 // requests under way
	tunedSendLinger   = time.Millisecond
	tunedPollers      = 16
	tunedDeletes      = 32
	tunedDeleteLinger = 20 * time.Millisecond
)

// tunedCandidate is what an engineer writes who knows SQS and this workload: batches everywhere, several pollers. It has
// no retries, heartbeats or dead letters.
func tunedCandidate() candidate {
	return candidate{
		name: "tuned",
		about: "a loop written by hand for this workload: callers share SendMessageBatch (1 ms linger), 16 pollers of ten, " +
			"DeleteMessageBatch (20 ms linger); no retries, heartbeats or dead letters",
		producer: tunedProducer,
		work:     tunedWork,
	}
}

type tunedSend struct {
	body string
	done chan error
}

func tunedProducer(t target) (func(context.Context, params) error, error) {
	client := t.client()
	sends := make(chan tunedSend, 1024)
	go gather(sends, tunedSends, tunedSendLinger, func(batch []tunedSend) {
		err := tunedSendBatch(client, t, batch)
		for _, s := range batch {
			s.done <- err
		}
	})
	return func(_ context.Context, p params) error {
		body, err := encode(p)
		if err != nil {
			return err
		}
		s := tunedSend{body: body, done: make(chan error, 1)}
		sends <- s
		return <-s.done
	}, nil
}

func tunedSendBatch(client *sqs.Client, t target, batch []tunedSend) error {
	entries := make([]types.SendMessageBatchRequestEntry, len(batch))
	for i := range batch {
		entries[i] = types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: &batch[i].body}
	}
	out, err := client.SendMessageBatch(context.Background(), &sqs.SendMessageBatchInput{QueueUrl: &t.queueURL, Entries: entries})
	if err == nil && len(out.Failed) > 0 {
		err = errors.New(aws.ToString(out.Failed[0].Message))
	}
	return err
}

func tunedWork(ctx context.Context, t target, concurrency int, handle handler) error {
	client := t.client()
	messages := make(chan types.Message)
	handles := make(chan *string, 1024)
	go gather(handles, tunedDeletes, tunedDeleteLinger, func(batch []*string) {
		complain(ctx, tunedDeleteBatch(ctx, client, t, batch))
	})
	for range concurrency {
		go func() {
			for m := range messages {
				p, err := decode(aws.ToString(m.Body))
				if err == nil {
					err = handle(ctx, p)
				}
				if err != nil {
					complain(ctx, err)
					continue
				}
				handles <- m.ReceiptHandle
			}
		}()
	}
	failed := make(chan error, tunedPollers)
	for range tunedPollers {
		go func() {
			for {
				out, err := client.ReceiveMessage(ctx, receiveTen(t))
				if err != nil {
					failed <- err
					return
				}
				for _, m := range out.Messages {
					messages <- m
				}
			}
		}()
	}
	return <-failed
}

func tunedDeleteBatch(ctx context.Context, client *sqs.Client, t target, batch []*string) error {
	entries := make([]types.DeleteMessageBatchRequestEntry, len(batch))
	for i, handle := range batch {
		entries[i] = types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: handle}
	}
	out, err := client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &t.queueURL, Entries: entries})
	if err == nil && len(out.Failed) > 0 {
		err = errors.New(aws.ToString(out.Failed[0].Message))
	}
	return err
}

// gather collects what comes in into batches of ten, waits at most linger for a batch to fill, and does each in a
// goroutine, up to inFlight at once. It returns when in is closed.
func gather[T any](in <-chan T, inFlight int, linger time.Duration, do func([]T)) {
	slots := make(chan struct{}, inFlight)
	for first := range in {
		batch := append(make([]T, 0, maxBatch), first)
		timer := time.NewTimer(linger)
	fill:
		for len(batch) < maxBatch {
			select {
			case item, ok := <-in:
				if !ok {
					break fill
				}
				batch = append(batch, item)
			case <-timer.C:
				break fill
			}
		}
		timer.Stop()
		slots <- struct{}{}
		go func() {
			defer func() { <-slots }()
			do(batch)
		}()
	}
}
