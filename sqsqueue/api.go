// Package sqsqueue carries jobs over Amazon SQS: [Client] sends them, [Worker] works them, [Apply] makes the queues be
// what the tasks need.
//
// Everything speaks to [API], a few methods of the SDK's own client, which the embedded emulator has as well: there is
// one code path for AWS, LocalStack, a laptop and tests.
package sqsqueue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
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
		o.HTTPClient = plainBodies{httpClient(cfg.HTTPClient)}
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

// plainBodies sends each request's body as bytes in memory.
//
// The SDK's own body type is closed as soon as the answer's header is there, and net/http can take what the closed body
// says for a failed write: it then closes the connection while the answer is being read. The SDK repeats the request, so a
// receive whose answer was lost leaves its messages hidden for a visibility timeout, and a send makes its jobs twice.
type plainBodies struct{ client aws.HTTPClient }

// Do implements aws.HTTPClient.
func (p plainBodies) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return p.client.Do(r)
	}
	body, err := io.ReadAll(r.Body)
	if err = errors.Join(err, r.Body.Close()); err != nil {
		return nil, fmt.Errorf("read the request's body: %w", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return p.client.Do(r)
}

// httpClient sets a client of the SDK's kind up for SQS. Any other is the caller's, and left as it is.
func httpClient(configured aws.HTTPClient) aws.HTTPClient {
	client, ok := configured.(*awshttp.BuildableClient)
	switch {
	case configured == nil:
		client = awshttp.NewBuildableClient()
	case !ok:
		return configured
	}
	return client.
		WithTimeout(requestTimeout).
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = 5 * time.Second }).
		WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConns = 512
			t.MaxIdleConnsPerHost = 256
			t.IdleConnTimeout = 2 * time.Minute
		})
}
