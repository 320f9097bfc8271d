package sqsqueue

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/coretasks/core/tasks"
)

// attempts follows the tries of one request. The SDK repeats a request that failed and tells of the last try alone; but
// what an earlier one has done decides whether a message may be in the queue: its answer may have been lost, and the next
// try refused.
type attempts struct {
	followed bool // the client takes options; the emulator and test doubles need not
	doubtful atomic.Bool
}

// follow is an option of a request.
func (a *attempts) follow(o *sqs.Options) {
	a.followed = true
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		// The outermost of what comes after the retries: it sees each try's answer, or that there was none.
		return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("FollowAttempts", a.see), middleware.Before)
	})
}

func (a *attempts) see(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
	out, metadata, err := next.HandleDeserialize(ctx, in)
	if doubtful(err) {
		a.doubtful.Store(true)
	}
	return out, metadata, err
}

// outcome marks the error of a request that may have been carried out all the same.
func (a *attempts) outcome(err error) error {
	if a.doubtful.Load() || !a.followed && doubtful(err) {
		return unknown(explain(err))
	}
	return err
}

func unknown(err error) error { return fmt.Errorf("%w: %w", tasks.ErrUnknownOutcome, err) }

// Unknown reports whether a request of a single try that failed with err may have been carried out all the same: it was sent, and
// there was no answer, or one that does not say.
func Unknown(err error) bool { return doubtful(err) }

// Unsent reports whether a request that failed with err surely was not carried out, and may be worth repeating: nobody was there
// to take it, or it was throttled.
func Unsent(err error) bool {
	var (
		dial *net.OpError
		dns  *net.DNSError
		api  smithy.APIError
	)
	return errors.As(err, &dns) || errors.As(err, &dial) && dial.Op == "dial" || errors.As(err, &api) && isThrottle(api.ErrorCode())
}

// doubtful reports whether a request that failed like this may have been carried out: it was sent, and there was no answer, or
// one that does not say (5xx).
func doubtful(err error) bool {
	var (
		sending *smithyhttp.RequestSendError
		answer  *smithyhttp.ResponseError
		broken  *smithy.DeserializationError
		dial    *net.OpError
		dns     *net.DNSError
		api     smithy.APIError
	)
	switch {
	case err == nil:
		return false
	case errors.As(err, &dns), errors.As(err, &dial) && dial.Op == "dial":
		return false // nobody was there to take it
	case errors.As(err, &sending), errors.As(err, &broken):
		return true
	case errors.As(err, &api) && isThrottle(api.ErrorCode()):
		return false // also where it is a 503
	case errors.As(err, &answer):
		return answer.HTTPStatusCode() >= http.StatusInternalServerError
	}
	return false
}

func isThrottle(code string) bool {
	_, ok := retry.DefaultThrottleErrorCodes[code]
	return ok
}
