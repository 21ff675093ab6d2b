import cmd


class Shell(cmd.Cmd):
    intro = "Type a quantity and the unit that you want it in, or help for a list of all commands."
    prompt = "units> "

    def do_convert(self, line):
        """convert VALUE UNIT to UNIT"""
        print(line)

    def do_quit(self, _):
        return True


if __name__ == "__main__":
    Shell().cmdloop()
