package cli

import (
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/coretasks/core/internal/span"
)

// A bound is what a flag's value must be. Its rule is part of the error that names the flag, or the variable that
// stands for it.
type bound[T int | time.Duration] struct {
	least, most T      // most 0 is no bound
	rule        string // where it is not just that
}

func (b bound[T]) check(value T) error {
	switch {
	case value >= b.least && (b.most == 0 || value <= b.most):
		return nil
	case b.rule != "":
		return errors.New(b.rule)
	case b.most != 0:
		return fmt.Errorf("it must be %v to %v", b.least, b.most)
	}
	return fmt.Errorf("it must be %v or more", b.least)
}

// length is a flag's length of time, that people count in days as well.
type length struct {
	value *time.Duration
	bound bound[time.Duration]
}

// unbounded is the bound of a length that is checked where it is used.
var unbounded = bound[time.Duration]{least: -1 << 63}

func lengthVar(
	f *pflag.FlagSet, value *time.Duration, name string, byDefault time.Duration, b bound[time.Duration], usage string,
) {
	*value = byDefault
	f.Var(&length{value, b}, name, usage)
}

// Set implements [pflag.Value].
func (l *length) Set(text string) error {
	d, err := span.Parse(text)
	if err == nil {
		err = l.bound.check(d)
	}
	if err == nil {
		*l.value = d
	}
	return err
}

// String implements [pflag.Value].
func (l *length) String() string {
	if l.value == nil {
		return "0s"
	}
	return l.value.String()
}

// Type implements [pflag.Value].
func (l *length) Type() string { return "duration" }

// number is a flag's whole number.
type number struct {
	value *int
	bound bound[int]
}

func numberVar(f *pflag.FlagSet, value *int, name string, byDefault int, b bound[int], usage string) {
	*value = byDefault
	f.Var(&number{value, b}, name, usage)
}

// Set implements [pflag.Value].
func (n *number) Set(text string) error {
	value, err := strconv.Atoi(text)
	if err != nil {
		return errors.New("it must be a whole number")
	}
	if err := n.bound.check(value); err != nil {
		return err
	}
	*n.value = value
	return nil
}

// String implements [pflag.Value].
func (n *number) String() string {
	if n.value == nil {
		return "0"
	}
	return strconv.Itoa(*n.value)
}

// Type implements [pflag.Value].
func (n *number) Type() string { return "int" }

// text is a flag's text that is checked.
type text struct {
	value *string
	check func(string) error
}

// textVar adds a flag whose value must pass the check, but for the default.
func textVar(f *pflag.FlagSet, value *string, name, byDefault string, check func(string) error, usage string) {
	*value = byDefault
	f.Var(&text{value, check}, name, usage)
}

// Set implements [pflag.Value].
func (t *text) Set(value string) error {
	if err := t.check(value); err != nil {
		return err
	}
	*t.value = value
	return nil
}

// String implements [pflag.Value].
func (t *text) String() string {
	if t.value == nil {
		return ""
	}
	return *t.value
}

// Type implements [pflag.Value].
func (t *text) Type() string { return "string" }

// textOrJSON checks how to write something.
func textOrJSON(value string) error {
	if value != "text" && value != "json" {
		return errors.New("use text or json")
	}
	return nil
}

// oneOf checks a choice.
func oneOf[S ~string](choices []S) func(string) error {
	return func(value string) error {
		if !slices.Contains(choices, S(value)) {
			return fmt.Errorf("use one of %v", choices)
		}
		return nil
	}
}

// address checks an address that is listened on, or asked.
func address(example string) func(string) error {
	return func(value string) error {
		_, port, err := net.SplitHostPort(value)
		if err != nil {
			return fmt.Errorf("use host:port, such as %s (%w)", example, err)
		}
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return fmt.Errorf("the port must be 0 to 65535, as in %s", example)
		}
		return nil
	}
}

// optional lets a flag be empty too.
func optional(check func(string) error) func(string) error {
	return func(value string) error {
		if value == "" {
			return nil
		}
		return check(value)
	}
}

// wrongFlag says what is wrong with a flag in the words of all other errors: --grace -1s is invalid: ...
func wrongFlag(_ *cobra.Command, err error) error {
	value, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return &usageError{err: err}
	}
	shown := strconv.Quote(value.GetValue())
	if value.GetFlag().Value.Type() != "string" && plainWord.MatchString(value.GetValue()) {
		shown = value.GetValue()
	}
	return usagef("--%s %s is invalid: %w", value.GetFlag().Name, shown, value.Unwrap())
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9.+-]+$`)

// variable is the name of the variable that stands for a flag.
func variable(flag string) string {
	return "CORE_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// fromEnvironment gives each flag that is not on the command line the value of its variable: --queue-prefix is
// CORE_QUEUE_PREFIX. It notes which do.
func (p *program) fromEnvironment(flags *pflag.FlagSet) error {
	var errs []error
	flags.VisitAll(func(f *pflag.Flag) {
		name := variable(f.Name)
		value, ok := os.LookupEnv(name)
		if !ok || value == "" || f.Changed || f.Name == "help" {
			return
		}
		if p.variables == nil {
			p.variables = map[string]bool{}
		}
		p.variables[f.Name] = true
		if err := flags.Set(f.Name, value); err != nil {
			if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
				err = invalid.Unwrap()
			}
			errs = append(errs, fmt.Errorf("%s=%q is invalid: %w", name, value, err))
		}
	})
	if len(errs) > 0 {
		return &usageError{err: errors.Join(errs...)}
	}
	return nil
}

// named is how the user gave a flag: by itself, or by its variable.
func (p *program) named(flag string) string {
	if p.variables[flag] {
		return variable(flag)
	}
	return "--" + flag
}
