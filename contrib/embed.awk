# SPDX-License-Identifier: GPL-2.0-or-later
# embed: the parts of a file, "#: NAME" and what follows it, as strings of C.
BEGIN {
	print "/* Made of a file by contrib/embed.awk. */"
}
/^#: / {
	if (name)
		print "\t\"\";"
	name = $2
	print "\nstatic const char " name "[] ="
	waiting = 0
	next
}
# Empty lines at the end of a part only part it from the next one.
name && /^$/ {
	waiting++
	next
}
name {
	for (; waiting > 0; waiting--)
		print "\t\"\\n\""
	gsub(/\\/, "\\\\\\\\")
	gsub(/"/, "\\\"")
	gsub(/\t/, "\\t")
	print "\t\"" $0 "\\n\""
}
END {
	if (name)
		print "\t\"\";"
}
