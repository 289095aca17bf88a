"""`python -m diracs`: the command line tool."""

if __name__ == "__main__":
    from diracs.cli import main

    main()
