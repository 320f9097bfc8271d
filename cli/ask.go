package cli

import (
	"bufio"
	"errors"
	"fmt"
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
func (p *program) ask(question string) error {
	if _, err := fmt.Fprintf(p.stderr, "%s Type yes: ", question); err != nil {
		return err
	}
	answer, err := bufio.NewReader(p.stdin).ReadString('\n')
	if strings.TrimSpace(answer) != "yes" || err != nil && answer == "" {
		return errDeclined
	}
	return nil
}
