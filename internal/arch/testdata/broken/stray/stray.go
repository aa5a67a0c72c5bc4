// Package stray stands nowhere. want `stands in no layer`
package stray
