package main

import (
	"context"
	"encoding/json"

	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/awssnssqs"
	"gocloud.dev/pubsub/batcher"
)

// gocloudCandidate is the best of the peers. Its default of no long poll would ask four times a second while idle.
func gocloudCandidate() candidate {
	return gocloud("gocloud", "gocloud.dev/pubsub/awssnssqs v0.47.0: its defaults, but a long poll of 20 s, raw messages",
		batcher.Options{})
}

// gocloudFewCandidate lets fewer requests be under way, which fills its batches better. It is measured when named.
func gocloudFewCandidate() candidate {
	return gocloud("gocloud16", "the same with at most 16 requests of a kind under way", batcher.Options{MaxHandlers: 16})
}

func gocloud(name, about string, opts batcher.Options) candidate {
	return candidate{
		name:  name,
		about: about,
		producer: func(t target) (func(context.Context, params) error, error) {
			topic := awssnssqs.OpenSQSTopic(context.Background(), t.client(), t.queueURL, &awssnssqs.TopicOptions{BatcherOptions: opts})
			return func(ctx context.Context, p params) error {
				body, err := json.Marshal(p)
				if err != nil {
					return err
				}
				return topic.Send(ctx, &pubsub.Message{Body: body})
			}, nil
		},
		work: func(ctx context.Context, t target, concurrency int, handle handler) error {
			subscription := awssnssqs.OpenSubscription(ctx, t.client(), t.queueURL, &awssnssqs.SubscriptionOptions{
				Raw: true, WaitTime: longPoll, ReceiveBatcherOptions: opts, AckBatcherOptions: opts,
			})
			// The loop of its documentation.
			slots := make(chan struct{}, concurrency)
			for {
				m, err := subscription.Receive(ctx)
				if err != nil {
					return err
				}
				slots <- struct{}{}
				go func() {
					defer func() { <-slots }()
					var p params
					err := json.Unmarshal(m.Body, &p)
					if err == nil {
						err = handle(ctx, p)
					}
					if err != nil {
						complain(ctx, err)
						return
					}
					m.Ack()
				}()
			}
		},
	}
}
