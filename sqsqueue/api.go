// Package sqsqueue carries jobs over Amazon SQS: [Client] sends them, [Worker] works them, [Apply] makes the queues be
// what the tasks need.
//
// Everything speaks to [API], a few methods of the SDK's own client, which the embedded emulator has as well: there is
// one code path for AWS, LocalStack, a laptop and tests.
package sqsqueue

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/coretasks/core/internal/awsclient"
)

// API is what this package needs of SQS. *sqs.Client has it, and so has the emulator.
type API interface {
	CreateQueue(context.Context, *sqs.CreateQueueInput, ...func(*sqs.Options)) (*sqs.CreateQueueOutput, error)
	GetQueueUrl(context.Context, *sqs.GetQueueUrlInput, ...func(*sqs.Options)) (*sqs.GetQueueUrlOutput, error)
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
	SetQueueAttributes(context.Context, *sqs.SetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.SetQueueAttributesOutput, error)
	SendMessageBatch(context.Context, *sqs.SendMessageBatchInput, ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error)
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessageBatch(context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error)
	ChangeMessageVisibilityBatch(context.Context, *sqs.ChangeMessageVisibilityBatchInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error)
}

// Limits of SQS ("Amazon SQS message quotas").
const (
	maxBatch      = 10
	maxBytes      = 1 << 20 // body and attributes of one message, and of a batch together
	maxAttributes = 10
	maxDelay      = 900 * time.Second
	maxVisibility = 12 * time.Hour
	longPoll      = 20 * time.Second
)

const (
	requestTimeout = longPoll + 10*time.Second // a long poll must end by itself first
	maxAttempts    = 8
	maxBackoff     = 5 * time.Second
)

// NewAPI returns an SQS client that is set up for many small concurrent requests: connections are kept, throttling and
// server errors are retried up to 8 times with jittered backoff, within the caller's context. An HTTP client of the
// configuration's own stays in use: the SDK puts AWS_CA_BUNDLE there.
func NewAPI(cfg aws.Config, opts ...func(*sqs.Options)) *sqs.Client {
	setUp := func(o *sqs.Options) {
		o.HTTPClient = awsclient.HTTP(cfg.HTTPClient, requestTimeout)
		o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) {
			r.MaxAttempts = maxAttempts
			r.MaxBackoff = maxBackoff
			// The SDK's retry quota is shared by a whole client: a burst of throttling would make unrelated calls fail
			// without a retry.
			r.RateLimiter = ratelimit.None
		})
	}
	return sqs.NewFromConfig(cfg, append([]func(*sqs.Options){setUp}, opts...)...)
}
