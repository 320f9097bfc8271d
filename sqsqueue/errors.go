package sqsqueue

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

var (
	// ErrQueueMissing says that a queue does not exist.
	ErrQueueMissing = errors.New("the queue does not exist; create it with 'core queues apply'")
	// ErrUnreachable says that the endpoint did not take the request: nothing listens there, or the name does not
	// resolve.
	ErrUnreachable = errors.New("SQS can't be reached")
	// ErrNotSQS says that what answered at the endpoint does not speak the protocol of SQS.
	ErrNotSQS = errors.New("what answered is not SQS; check AWS_ENDPOINT_URL")
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

func (e *Error) Error() string { return fmt.Sprintf("%s on queue %q: %v", e.Op, e.Queue, e.Err) }

func (e *Error) Unwrap() error { return e.Err }

// A TooLargeError says that a job does not fit into a message.
type TooLargeError struct {
	// Size and Limit are in bytes. The limit is SQS's 1 MiB less the room for a dead letter's attributes.
	Size, Limit int
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the message has %d bytes and the limit is %d; store the data elsewhere and pass its ID", e.Size, e.Limit)
}

// wrap says what failed on which queue, in this package's own words where it knows the cause.
func wrap(op, queue string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Op: op, Queue: queue, Err: explain(err)}
}

// explain names the common causes behind the SDK's nested errors; others it shortens to their code and message.
func explain(err error) error {
	var (
		missing     *types.QueueDoesNotExist
		dial        *net.OpError
		dns         *net.DNSError
		api         smithy.APIError
		deserialize *smithy.DeserializationError
	)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &missing):
		return fmt.Errorf("%w (%w)", ErrQueueMissing, missing)
	case errors.As(err, &dns):
		return fmt.Errorf("%w: %w", ErrUnreachable, dns)
	case errors.As(err, &dial) && dial.Op == "dial":
		return fmt.Errorf("%w: %w", ErrUnreachable, dial)
	case errors.As(err, &api) && api.ErrorCode() == "UnknownError":
		return fmt.Errorf("%w: %w", ErrNotSQS, lastOf(err))
	case errors.As(err, &api):
		return fmt.Errorf("%w", api)
	case errors.As(err, &deserialize):
		return fmt.Errorf("%w: %w", ErrNotSQS, deserialize)
	}
	if urlErr, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("%w: %w", ErrUnreachable, urlErr.Err)
	}
	return err
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
