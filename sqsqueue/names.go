package sqsqueue

import (
	"fmt"
	"regexp"

	"github.com/coretasks/core/tasks"
)

const (
	// maxName is how many characters the name of a queue can have ("Amazon SQS queue and message identifiers").
	maxName = 80
	// maxPrefix leaves as many for the names in the code.
	maxPrefix = 40
)

var prefixPattern = regexp.MustCompile(`^[A-Za-z0-9_-]*$`)

// CheckPrefix reports, as an error, what keeps a text from being the prefix of queues' names.
func CheckPrefix(prefix string) error {
	if !prefixPattern.MatchString(prefix) || len(prefix) > maxPrefix {
		return fmt.Errorf(
			"queue prefix %q is invalid: SQS allows letters, digits, '_' and '-', here at most %d",
			prefix,
			maxPrefix,
		)
	}
	return nil
}

// A NameError says that a queue's name is too long for SQS, with the prefix before it.
type NameError struct {
	// Queue is the name in SQS, or that of its dead-letter queue, and Prefix the part of it that the environment adds.
	Queue, Prefix string
}

func (e *NameError) Error() string {
	text := fmt.Sprintf("the name of queue %q has %d of %d characters; shorten it", e.Queue, len(e.Queue), maxName)
	if e.Prefix != "" {
		text += fmt.Sprintf(" or the prefix %q", e.Prefix)
	}
	return text
}

// CheckNames reports the first of the registry's queues whose name, or that of its dead-letter queue, is too long with
// this prefix: a [*NameError].
func CheckNames(prefix string, r *tasks.Registry) error {
	for _, spec := range r.Queues() {
		if err := checkNames(prefix, spec.Name); err != nil {
			return err
		}
	}
	return nil
}

// checkNames checks a queue and its dead-letter queue.
func checkNames(prefix, queue string) error {
	for _, name := range []string{queue, DeadLetterQueue(queue)} {
		if err := checkName(prefix, name); err != nil {
			return err
		}
	}
	return nil
}

func checkName(prefix, name string) error {
	if len(prefix)+len(name) > maxName {
		return &NameError{Queue: prefix + name, Prefix: prefix}
	}
	return nil
}
