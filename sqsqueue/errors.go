package sqsqueue

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/coretasks/core/internal/awsclient"
	"github.com/coretasks/core/tasks"
)

var (
	// ErrQueueMissing says that a queue does not exist.
	ErrQueueMissing = errors.New("the queue does not exist; create it with 'core queues apply'")
	// ErrUnreachable says that the endpoint did not take the request: nothing listens there, or the name does not
	// resolve.
	ErrUnreachable = errors.New("SQS can't be reached")
	// ErrNotSQS says that what answered at the endpoint does not speak the protocol of SQS.
	ErrNotSQS = errors.New("what answered is not SQS; check AWS_ENDPOINT_URL")
	// ErrDenied says that the credentials lack a permission, which the error names.
	ErrDenied = errors.New("access denied")
	// ErrUnacknowledged says that a worker was told to stop, and could not tell SQS in time what had become of its jobs.
	ErrUnacknowledged = errors.New("worker stopped before all acknowledgements were answered; those jobs run again")
	// ErrClosed says that the client was closed.
	ErrClosed = errors.New("the queue client is closed")
)

// An Error says what could not be done, on which queue. Unwrap gives the cause: one of this package's errors, or the
// SDK's.
type Error struct {
	// Op is what was tried: "send", "receive", "create".
	Op    string
	Queue string
	Err   error
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s on queue %q: %s", e.Op, e.Queue, oneLine(e.Err))
}

// maxErrorLine bounds what others wrote into an error, in bytes.
const maxErrorLine = 500

// oneLine is an error's text without line breaks, shortened where it is long: an answer can contain anything.
func oneLine(err error) string {
	return sqsText(strings.Join(strings.Fields(err.Error()), " "), maxErrorLine)
}

func (e *Error) Unwrap() error { return e.Err }

// A TooLargeError says that a job does not fit into a message.
type TooLargeError struct {
	// Size and Limit are in bytes. The limit is SQS's 1 MiB less the room for a dead letter's attributes.
	Size, Limit int
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the message has %d bytes and the limit is %d; store the data elsewhere and pass its ID", e.Size, e.Limit)
}

// NewError says what could not be done on which queue (its name in SQS), in this package's own words where it knows the
// cause; nil stays nil. Packages that make requests of their own use it.
func NewError(op, queue string, err error) error { return wrap(op, queue, err) }

// wrap says what failed on which queue, in this package's own words where it knows the cause.
func wrap(op, queue string, err error) error {
	if err == nil {
		return nil
	}
	if api := smithy.APIError(nil); errors.As(err, &api) && strings.Contains(api.ErrorCode(), "AccessDenied") {
		return &Error{Op: op, Queue: queue, Err: fmt.Errorf("%w: allow %s on it (%w)", ErrDenied, action(op), api)}
	}
	if errors.Is(err, tasks.ErrUnknownOutcome) { // explained already
		return &Error{Op: op, Queue: queue, Err: err}
	}
	return &Error{Op: op, Queue: queue, Err: explain(err)}
}

// action is what IAM calls an operation.
func action(op string) string {
	switch op {
	case "send":
		return "sqs:SendMessage"
	case "receive":
		return "sqs:ReceiveMessage"
	case "delete":
		return "sqs:DeleteMessage"
	case "change visibility":
		return "sqs:ChangeMessageVisibility"
	case "find":
		return "sqs:GetQueueUrl"
	case "create":
		return "sqs:CreateQueue"
	case "update":
		return "sqs:SetQueueAttributes"
	}
	return "sqs:GetQueueAttributes"
}

// explain names the common causes behind the SDK's nested errors; others it shortens to their code and message.
func explain(err error) error {
	var (
		missing     *types.QueueDoesNotExist
		sending     *smithyhttp.RequestSendError
		answer      *smithyhttp.ResponseError
		operation   *smithy.OperationError
		api         smithy.APIError
		deserialize *smithy.DeserializationError
	)
	if login := awsclient.Login(err); login != "" {
		return fmt.Errorf("no AWS credentials: log in with '%s' (%w)", login, err)
	}
	if errors.As(err, &operation) {
		if service := innermost(operation); service.Service() != operation.Service() {
			// The call never began: whatever gives out credentials (STS, SSO, the instance's metadata) could not be asked.
			return fmt.Errorf("no AWS credentials: %w", service)
		}
		err = operation.Err
	}
	switch {
	case errors.As(err, &missing):
		return fmt.Errorf("%w (%w)", ErrQueueMissing, missing)
	case errors.As(err, &sending):
		// A request's own time limit ends here too, and matches context.DeadlineExceeded although no caller's did.
		return fmt.Errorf("%w: %w", ErrUnreachable, network(sending))
	case operation != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)):
		return lastOf(err)
	case errors.As(err, &api) && api.ErrorCode() == "UnknownError" && errors.As(err, &answer):
		// An answer without an error's name is not of SQS; behind a gateway's 502 or 503 it may be again in a moment.
		if status := answer.HTTPStatusCode(); status >= http.StatusInternalServerError {
			return fmt.Errorf("%w: it answered with HTTP status %d (%w)", ErrUnreachable, status, answer)
		}
		return fmt.Errorf("%w (HTTP status %d: %w)", ErrNotSQS, answer.HTTPStatusCode(), answer)
	case errors.As(err, &api):
		return fmt.Errorf("%w", api)
	case errors.As(err, &deserialize):
		return fmt.Errorf("%w (%w)", ErrNotSQS, deserialize)
	}
	return err
}

// innermost returns the last of nested operations.
func innermost(op *smithy.OperationError) *smithy.OperationError {
	for inner := (*smithy.OperationError)(nil); errors.As(op.Err, &inner); {
		op = inner
	}
	return op
}

// network finds the part of a failed request's error that says what happened to it.
func network(err *smithyhttp.RequestSendError) error {
	var (
		dns  *net.DNSError
		dial *net.OpError
		url  *url.Error
	)
	switch {
	case errors.As(err, &dns):
		return dns
	case errors.As(err, &dial) && dial.Op == "dial":
		return dial
	case errors.As(err, &url):
		return url.Err
	}
	return err.Err
}

// lastOf returns the innermost of a chain of wrapped errors.
func lastOf(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// entryError is a batch entry that SQS refused.
type entryError struct {
	code, message string
	// senderFault means that trying again can't help.
	senderFault bool
}

func (e *entryError) Error() string { return e.code + ": " + e.message }

func newEntryError(f types.BatchResultErrorEntry) *entryError {
	e := &entryError{senderFault: f.SenderFault}
	if f.Code != nil {
		e.code = *f.Code
	}
	if f.Message != nil {
		e.message = *f.Message
	}
	return e
}
