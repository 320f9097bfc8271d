package cli

import (
	"bufio"
	"context"
	"errors"
	"os"
	"strings"

	"github.com/mattn/go-isatty"
)

// errDeclined ends a command whose question was not answered with yes.
var errDeclined = errors.New("not confirmed; nothing was done")

// canAsk reports, as an error, that there is nobody to ask.
func (p *program) canAsk(yes bool) error {
	if f, ok := p.stdin.(*os.File); yes || ok && isatty.IsTerminal(f.Fd()) {
		return nil
	}
	return usagef("this deletes for good and there is no terminal to ask at: add --yes")
}

// ask asks a question that only "yes" answers.
func (p *program) ask(ctx context.Context, question string) error {
	if err := printf(p.stderr, "%s Type yes: ", question); err != nil {
		return err
	}
	answer, err := input(ctx, func() (string, error) { return bufio.NewReader(p.stdin).ReadString('\n') })
	if strings.TrimSpace(answer) != "yes" || err != nil && answer == "" {
		return errDeclined
	}
	return nil
}

// input reads what somebody types or sends, unless the command is told to stop before: a read can't be interrupted, and
// its goroutine ends with the process.
func input[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	done := make(chan answer, 1)
	go func() {
		value, err := read()
		done <- answer{value, err}
	}()
	select {
	case a := <-done:
		return a.value, a.err
	case <-ctx.Done():
		return *new(T), context.Cause(ctx)
	}
}
